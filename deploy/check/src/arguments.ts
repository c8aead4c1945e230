import { relative } from "node:path";
import { Command, CommanderError } from "commander";
import { CHECK_NAMES } from "./checks.ts";
import { suiteOf } from "./suites.ts";

/** What a run of the checks was asked for. */
export interface Asked {
  readonly chosen: ReadonlySet<string>;
  /** What runs only when it is named, and was not, though everything was asked for. */
  readonly unnamed: readonly string[];
  /** The test files that were named, from the root of the repository; undefined: all. */
  readonly files: readonly string[] | undefined;
  readonly summaryFile: string | undefined;
}

/** The command line asks for nothing that can be run: the help, or something that there is not. */
export interface NothingToRun {
  readonly text: string;
  readonly exitCode: number;
}

/** What `--tests` runs when no path is named: tests that every machine can run within minutes. */
const QUICK_TESTS = ["unit", "guards", "integration"];
const USAGE_ERROR = 2;

/**
 * Reads the command line of `bun run check`.
 * @param testFiles every test file, from the root of the repository
 */
export function readArguments(argv: readonly string[], testFiles: readonly string[]): Asked | NothingToRun {
  const written: string[] = [];
  const program = describeProgram((text) => written.push(text));
  try {
    program.parse(argv, { from: "user" });
    return whatIsAskedFor(program, testFiles);
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    return { text: written.join("").trimEnd(), exitCode: error.exitCode === 0 ? 0 : USAGE_ERROR };
  }
}

function describeProgram(write: (text: string) => void): Command {
  const names = (onRequest: boolean) => CHECK_NAMES.filter((check) => check.onRequest === onRequest);
  const list = (onRequest: boolean) =>
    names(onRequest)
      .map(({ name }) => name)
      .join(", ");
  return new Command("bun run check")
    .description("Runs what CI runs: format, lint, types, unused code, and every test that this machine can run.")
    .argument("[path...]", "test files or folders: their tests alone, each in its suite")
    .option("--only <names>", "these checks alone, separated by commas")
    .option("--with <names>", "these besides, separated by commas")
    .option("--tests", `tests alone: those of the paths, or else ${QUICK_TESTS.join(", ")}`)
    .option("--summary <file>", "writes what passed, failed and was skipped to a file")
    .addHelpText(
      "after",
      `
Checks:                ${list(false)}
Checks when named:     ${list(true)}

Examples:
  bun run check                       all checks that need not be named
  bun run check --only unit,types     two of them
  bun run test shared/http            the tests of one folder
  bun test FILE -t NAME               one test, by Bun itself; \`bun install\` must have run before

Exit code: 0 when everything passed, 1 when something failed or nothing ran, 2 when the command was not understood.`,
    )
    .configureOutput({ writeOut: write, writeErr: write })
    .showHelpAfterError("See: bun run check --help")
    .exitOverride();
}

interface Options {
  readonly only?: string;
  readonly with?: string;
  readonly tests?: true;
  readonly summary?: string;
}

function whatIsAskedFor(program: Command, testFiles: readonly string[]): Asked {
  const options: Options = program.opts();
  const files = program.args.length === 0 ? undefined : filesAt(program, testFiles);
  const named = (list = "") => list.split(",").flatMap((name) => name.trim() || []);
  const everything = options.only === undefined && files === undefined && !options.tests;
  const chosen = new Set([...basis(options, files), ...named(options.with)]);
  const known = CHECK_NAMES.map(({ name }) => name);
  const unknown = [...chosen].filter((name) => !known.includes(name));
  if (unknown.length > 0) {
    program.error(`There is no check ${unknown.join(", ")}. There are ${known.join(", ")}.`, { exitCode: USAGE_ERROR });
  }
  return {
    chosen,
    unnamed: everything ? known.filter((name) => !chosen.has(name)) : [],
    files,
    summaryFile: options.summary,
  };

  function basis({ only, tests }: Options, paths: readonly string[] | undefined): readonly string[] {
    if (only !== undefined) return named(only);
    if (paths !== undefined) return paths.map(suiteOf);
    if (tests) return QUICK_TESTS;
    return CHECK_NAMES.flatMap(({ name, onRequest }) => (onRequest ? [] : [name]));
  }
}

function filesAt(program: Command, testFiles: readonly string[]): readonly string[] {
  return program.args.flatMap((argument) => {
    const path = relative(".", argument);
    const found = testFiles.filter((file) => file === path || path === "" || file.startsWith(`${path}/`));
    if (found.length === 0) program.error(`There is no test at ${argument}.`, { exitCode: USAGE_ERROR });
    return found;
  });
}
