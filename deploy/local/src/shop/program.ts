import { parseArgs } from "node:util";
import { NoAnswerError, ProblemError } from "@shop/client/problem-error";
import { connectShop } from "@shop/client/shop";
import { commands, type Row, UsageError } from "./commands.ts";
import { HELP } from "./help.ts";

export interface Surroundings {
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Asked for the password's line when the environment has none. */
  readonly readLine: () => Promise<string | undefined>;
  readonly out: (line: string) => void;
  readonly error: (line: string) => void;
}

const EXIT = { done: 0, refused: 1, usage: 2, away: 3 } as const;

/** Runs one command line. @returns the code to leave with */
export async function runShop(argv: readonly string[], surroundings: Surroundings): Promise<number> {
  const { error: complain } = surroundings;
  try {
    await run(argv, surroundings);
    return EXIT.done;
  } catch (error) {
    if (error instanceof UsageError) complain(`${error.message} See: bun run shop --help`);
    else if (error instanceof ProblemError) complain(error.message);
    else if (error instanceof NoAnswerError) complain(`The shop cannot be reached: ${error.message}. Is --url right?`);
    else throw error;
    if (error instanceof UsageError) return EXIT.usage;
    return error instanceof ProblemError && error.problem.status !== 503 ? EXIT.refused : EXIT.away;
  }
}

async function run(argv: readonly string[], { environment, readLine, out }: Surroundings): Promise<void> {
  const { values, positionals } = parse(argv);
  const [name, ...words] = positionals;
  if (values.help || name === undefined) {
    out(HELP.trimEnd());
    return;
  }
  const command = commands.find((each) => each.name === name);
  if (command === undefined) throw new UsageError(`There is no command ${name}.`);

  const baseUrl = (values.url ?? environment["SHOP_URL"] ?? "http://localhost:8080").replace(/\/$/, "");
  const password = environment["SHOP_PASSWORD"] ?? (await readLine());
  if (!password) throw new UsageError("A password is needed: SHOP_PASSWORD, or the first line of standard input.");
  const shop = connectShop({ baseUrl });
  await shop.logIn(values.user ?? environment["SHOP_USER"] ?? "admin", password);
  try {
    const { status, order, limit, after } = values;
    const rows = command.run(shop, { words, options: { status, order, limit, after } });
    if (values.json) for await (const { whole } of rows) out(JSON.stringify(whole));
    else await showTable(rows, out);
  } finally {
    await shop.logOut();
  }
}

function parse(argv: readonly string[]) {
  const text = { type: "string" } as const;
  const flag = { type: "boolean", default: false } as const;
  try {
    return parseArgs({
      args: [...argv],
      allowPositionals: true,
      options: { url: text, user: text, status: text, order: text, limit: text, after: text, json: flag, help: flag },
    });
  } catch (error) {
    throw new UsageError(error instanceof Error ? `${error.message.split(".")[0]}.` : String(error), { cause: error });
  }
}

/** Each row as it comes: the columns are as wide as in the first row, which for ids, times and words of the contract is enough. */
async function showTable(rows: AsyncIterable<Row>, out: (line: string) => void): Promise<void> {
  let widths: readonly number[] | undefined;
  for await (const { shown } of rows) {
    const cells = Object.values(shown);
    if (widths === undefined) {
      const heads = Object.keys(shown);
      widths = heads.map((head, index) => Math.max(head.length, cells[index]?.length ?? 0, 12));
      out(line(heads, widths));
    }
    out(line(cells, widths));
  }
  if (widths === undefined) out("Nothing.");
}

const line = (cells: readonly string[], widths: readonly number[]) =>
  cells
    .map((cell, index) => cell.padEnd(widths[index] ?? 0))
    .join("  ")
    .trimEnd();
