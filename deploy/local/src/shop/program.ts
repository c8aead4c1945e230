import { parseArgs } from "node:util";
import { NoAnswerError, ProblemError } from "@shop/client/problem-error";
import { connectShop } from "@shop/client/shop";
import { type Given, IncompleteError, type Row, UsageError } from "./command.ts";
import { commands } from "./commands.ts";
import { HELP } from "./help.ts";

export interface Environment {
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Asked for the password's line when the environment has none. */
  readonly readLine: () => Promise<string | undefined>;
  readonly out: (line: string) => void;
  readonly error: (line: string) => void;
}

const EXIT = { done: 0, notWell: 1, usage: 2, away: 3 } as const;

const text = { type: "string" } as const;
const flag = { type: "boolean", default: false } as const;
const OPTIONS = {
  ...{ url: text, user: text, json: flag, help: flag },
  ...{ status: text, order: text, limit: text, after: text, service: text, cause: text, key: text },
  ...{ handled: flag, "dry-run": flag },
} as const;

/** Runs one command line. @returns the code to leave with */
export async function runShop(argv: readonly string[], environment: Environment): Promise<number> {
  const { error: complain } = environment;
  try {
    return (await run(argv, environment)) ? EXIT.done : EXIT.notWell;
  } catch (error) {
    if (error instanceof UsageError) complain(`${error.message} See: bun run shop --help`);
    else if (error instanceof ProblemError || error instanceof IncompleteError) complain(error.message);
    else if (error instanceof NoAnswerError) complain(`The shop cannot be reached: ${error.message}. Is --url right?`);
    else throw error;
    if (error instanceof UsageError) return EXIT.usage;
    return error instanceof ProblemError && error.problem.status !== 503 ? EXIT.notWell : EXIT.away;
  }
}

/** @returns whether all that was shown is well */
async function run(argv: readonly string[], { environment, readLine, out }: Environment): Promise<boolean> {
  const { values, positionals } = parse(argv);
  const [name, ...words] = positionals;
  if (values.help || name === undefined) {
    out(HELP.trimEnd());
    return true;
  }
  const command = commands.find((each) => each.name === name);
  if (command === undefined) throw new UsageError(`There is no command ${name}.`);

  const baseUrl = (values.url ?? environment["SHOP_URL"] ?? "http://localhost:8080").replace(/\/$/, "");
  const password = environment["SHOP_PASSWORD"] ?? (await readLine());
  if (!password) throw new UsageError("A password is needed: SHOP_PASSWORD, or the first line of standard input.");
  const shop = connectShop({ baseUrl });
  await shop.logIn(values.user ?? environment["SHOP_USER"] ?? "admin", password);
  try {
    const rows = command.run(shop, given(values, words));
    return await (values.json ? showJson(rows, out) : showTable(rows, out, command.streams ?? false));
  } finally {
    await shop.logOut();
  }
}

function parse(argv: readonly string[]) {
  try {
    return parseArgs({ args: [...argv], allowPositionals: true, options: OPTIONS });
  } catch (error) {
    throw new UsageError(error instanceof Error ? `${error.message.split(".")[0]}.` : String(error), { cause: error });
  }
}

function given(values: Readonly<Record<string, string | boolean | undefined>>, words: readonly string[]): Given {
  const options: Record<string, string> = {};
  const flags = new Set<string>();
  for (const [name, value] of Object.entries(values)) {
    if (value === true) flags.add(name);
    else if (typeof value === "string") options[name] = value;
  }
  return { words, options, flags };
}

type Out = (line: string) => void;

/** Each thing once, whole, as it comes. @returns whether all is well */
async function showJson(rows: AsyncIterable<Row>, out: Out): Promise<boolean> {
  let isWell = true;
  let last: object | undefined;
  for await (const { whole, isBad = false } of rows) {
    if (whole !== last) out(JSON.stringify(whole));
    last = whole;
    isWell &&= !isBad;
  }
  return isWell;
}

/**
 * The rows in columns. Those that come over time are shown as they come, as wide as the first one, which for ids and words of the contract is enough.
 * @returns whether all is well
 */
async function showTable(rows: AsyncIterable<Row>, out: Out, streams: boolean): Promise<boolean> {
  const held: Row[] = [];
  let widths: readonly number[] | undefined;
  let isWell = true;
  const show = () => {
    const [first] = held;
    if (first === undefined) return;
    if (widths === undefined) {
      widths = widthsOf(held.map(({ shown }) => shown));
      out(line(Object.keys(first.shown), widths));
    }
    for (const { shown } of held.splice(0)) out(line(Object.values(shown), widths));
  };
  try {
    for await (const row of rows) {
      held.push(row);
      isWell &&= !(row.isBad ?? false);
      if (streams) show();
    }
  } finally {
    // Also what came before a failure.
    show();
  }
  if (widths === undefined) out("Nothing.");
  return isWell;
}

function widthsOf(rows: readonly Row["shown"][]): readonly number[] {
  const heads = Object.keys(rows[0] ?? {});
  return heads.map((head) => Math.max(head.length, ...rows.map((row) => row[head]?.length ?? 0)));
}

const line = (cells: readonly string[], widths: readonly number[]) =>
  cells
    .map((cell, index) => cell.padEnd(widths[index] ?? 0))
    .join("  ")
    .trimEnd();
