import { Command as Parser, CommanderError } from "commander";
import { type Command, type Given, UsageError } from "./command.ts";
import { commands } from "./commands.ts";

/** What a command line asks for. */
export interface Asked {
  readonly command: Command;
  readonly given: Given;
  readonly url: string | undefined;
  readonly user: string | undefined;
  /** The whole of each thing, one a line, instead of a table. */
  readonly as: "table" | "json" | "csv";
}

/** What a terminal shows in a line. */
const COLUMNS = 100;

const INTRODUCTION =
  "Operates a shop. `health` says whether anything is wrong; `stuck` and `dead-letters` list what waits for you; `saga` and `dead-letter` tell why; `retry`, `cancel-saga` and `replay` do something about it.";

const ENDING = `
The password is read from SHOP_PASSWORD, or else as the first line of standard input; never from the command line,
where every process of the machine can read it. Who has a second factor sets SHOP_SECOND_FACTOR to a code of it.

Exit code: 0 when all went well, 1 when the shop refused or something that was shown is not well (a stuck saga, an open
dead letter, a service that is down), 2 when the command was not understood, 3 when the shop, or a part of it, cannot be
reached.

Examples, beside a \`bun run dev\`:
${commands.map(({ example }) => `  SHOP_PASSWORD=admin-password bun run shop ${example}`).join("\n")}`;

/**
 * Reads a command line.
 * @returns the text of the help when that is what it asks for
 * @throws UsageError when it is not understood
 */
export function readCommandLine(argv: readonly string[]): Asked | { readonly help: string } {
  const written: string[] = [];
  let asked: Asked | undefined;
  const parser = describe(
    (text) => written.push(text),
    (given) => {
      asked = given;
    },
  );
  try {
    parser.parse(argv.length === 0 ? ["--help"] : argv, { from: "user" });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    const text = written.join("").trimEnd();
    if (error.exitCode === 0) return { help: text };
    throw new UsageError(sentence(text), { cause: error });
  }
  if (asked === undefined) throw new UsageError("There is no such command.");
  return asked;
}

/** `error: unknown option '--x'\n(Did you mean …?)` as a sentence. */
const sentence = (text: string) => {
  const words = text.replace(/^error: /, "").replaceAll("\n", " ");
  return `${words.charAt(0).toUpperCase()}${words.slice(1)}${/[.?)]$/.test(words) ? "" : "."}`;
};

function describe(write: (text: string) => void, onCommand: (asked: Asked) => void): Parser {
  const parser = new Parser("bun run shop")
    .description(INTRODUCTION)
    .option("--url <url>", "where the shop is; SHOP_URL, or http://localhost:8080")
    .option("--user <name>", "who you are; SHOP_USER, or admin")
    .option("--json", "one JSON object a line, whole, instead of a table")
    .option("--csv", "comma-separated values, whole, instead of a table")
    .helpOption("--help", "this text, or that of a command")
    .helpCommand(false)
    .usage("<command> [options]")
    .addHelpText("after", ENDING)
    .configureHelp({ showGlobalOptions: true })
    .configureOutput({
      writeOut: write,
      writeErr: write,
      getOutHelpWidth: () => COLUMNS,
      getErrHelpWidth: () => COLUMNS,
    })
    .exitOverride();
  for (const command of commands) {
    const { name, words = [], options = {}, summary, example } = command;
    const own = parser
      .command(name)
      .description(summary)
      .helpOption("--help", "this text")
      .addHelpText("after", `\nExample:\n  bun run shop ${example}`);
    for (const word of words) own.argument(word);
    for (const [flags, meaning] of Object.entries(options)) own.option(flags, meaning);
    own.action(() => {
      const { url, user, json, csv } = parser.opts<{ url?: string; user?: string; json?: true; csv?: true }>();
      const as = json ? "json" : csv ? "csv" : "table";
      onCommand({ command, given: givenTo(own), url, user, as });
    });
  }
  return parser;
}

/** What was given to one command, its options by the names that they are written with. */
function givenTo(parser: Parser): Given {
  const options: Record<string, string> = {};
  const flags = new Set<string>();
  for (const option of parser.options) {
    const value: unknown = parser.getOptionValue(option.attributeName());
    if (value === true) flags.add(option.name());
    else if (typeof value === "string") options[option.name()] = value;
  }
  return { words: parser.args, options, flags };
}
