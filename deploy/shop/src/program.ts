import { NoAnswerError, ProblemError } from "@shop/client/problem-error";
import { connectShop } from "@shop/client/shop";
import { csvHead, csvRow } from "@shop/runtime/csv";
import { IncompleteError, type Row, UsageError } from "./command.ts";
import { readCommandLine } from "./command-line.ts";

export interface Environment {
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Asked for the password's line when the environment has none. */
  readonly readLine: () => Promise<string | undefined>;
  /** Shows a line. @throws OutputClosedError when nothing reads it any more */
  readonly out: (line: string) => void;
  readonly error: (line: string) => void;
}

const EXIT = { done: 0, notWell: 1, usage: 2, away: 3 } as const;

/** The program that read the output has ended, as `head` does once it has its lines. */
export class OutputClosedError extends Error {
  override readonly name = "OutputClosedError";
}

/** Runs one command line. @returns the exit code */
export async function runShop(argv: readonly string[], environment: Environment): Promise<number> {
  const { error: complain } = environment;
  try {
    return (await run(argv, environment)) ? EXIT.done : EXIT.notWell;
  } catch (error) {
    // Anyone who ends the reader has seen enough.
    if (error instanceof OutputClosedError) return EXIT.done;
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
  const asked = readCommandLine(argv);
  if ("help" in asked) {
    out(asked.help);
    return true;
  }
  const { command, given, url, user, as } = asked;
  const baseUrl = (url ?? environment["SHOP_URL"] ?? "http://localhost:8080").replace(/\/$/, "");
  const password = environment["SHOP_PASSWORD"] ?? (await readLine());
  if (!password) throw new UsageError("A password is needed: SHOP_PASSWORD, or the first line of standard input.");
  const shop = connectShop({ baseUrl });
  await shop.logIn(user ?? environment["SHOP_USER"] ?? "admin", password, environment["SHOP_SECOND_FACTOR"]);
  try {
    const rows = command.run(shop, given);
    if (as === "table") return await showTable(rows, out, command.streams ?? false);
    return await showWhole(rows, out, as);
  } finally {
    await shop.logOut();
  }
}

type Out = (line: string) => void;

/** Each thing once, whole, as it comes. @returns whether all is well */
async function showWhole(rows: AsyncIterable<Row>, out: Out, as: "json" | "csv"): Promise<boolean> {
  let isWell = true;
  let last: object | undefined;
  for await (const { whole, isBad = false } of rows) {
    if (whole !== last && as === "json") out(JSON.stringify(whole));
    if (whole !== last && as === "csv") {
      if (last === undefined) out(csvHead(whole).trimEnd());
      out(csvRow(whole).replace(/\r\n$/, ""));
    }
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
