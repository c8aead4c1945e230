import type { Shop } from "@shop/client/shop";

/** What a command was given: its words, and its options by their names. */
export interface Given {
  readonly words: readonly string[];
  readonly options: Readonly<Record<string, string | undefined>>;
  /** Options without a value, by their names. */
  readonly flags: ReadonlySet<string>;
}

/** A row of a table; with `--json` the whole of what it was made from, once for rows of the same thing. */
export interface Row {
  readonly shown: Readonly<Record<string, string>>;
  readonly whole: object;
  /** Something is not well: the command ends with the exit code 1. */
  readonly isBad?: boolean;
}

export interface Command {
  readonly name: string;
  /** What comes behind the name, each as `<order>`: all of them have to be given. */
  readonly words?: readonly string[];
  /** Its own options: how each is written, as `--limit <n>` or `--dry-run`, and what it means. */
  readonly options?: Readonly<Record<string, string>>;
  readonly summary: string;
  readonly example: string;
  /** Whether its rows come over time, so that each is shown when it comes. */
  readonly streams?: boolean;
  readonly run: (shop: Shop, given: Given) => AsyncIterable<Row>;
}

/** The command line was not understood; the message says what is missing. */
export class UsageError extends Error {
  override readonly name = "UsageError";
}

/** A part of the shop did not answer: what was shown is not all that there is. */
export class IncompleteError extends Error {
  override readonly name = "IncompleteError";
}

/** Far more than anybody reads: a file takes them. */
export const MAX_ROWS = 1_000_000;

/** An option of commands that list something. */
export const LIMIT = { "--limit <n>": `how many, from 1 to ${MAX_ROWS.toString()}; 20 by default` } as const;

export function idOf({ words }: Given, of: string): string {
  const [id] = words;
  if (id === undefined) throw new UsageError(`Which ${of}? Give its id.`);
  return id;
}

export function oneOf<Word extends string>(
  option: string,
  value: string | undefined,
  known: readonly Word[],
): Word | undefined {
  if (value === undefined) return undefined;
  const found = known.find((word) => word.toLowerCase() === value.toLowerCase());
  if (found === undefined) throw new UsageError(`--${option} is one of ${known.join(", ")}, not ${value}.`);
  return found;
}

/** Every item of a list that is wanted, page after page, up to the rows that were asked for. */
export async function* everyItem<Item>(
  options: Given["options"],
  read: (page: { limit: number; cursor?: string }) => Promise<{ items: readonly Item[]; nextCursor: string | null }>,
  isWanted: (item: Item) => boolean = () => true,
): AsyncGenerator<Item> {
  const wanted = Number(options["limit"] ?? 20);
  if (!Number.isInteger(wanted) || wanted < 1 || wanted > MAX_ROWS) {
    throw new UsageError(`--limit is a whole number from 1 to ${MAX_ROWS}.`);
  }
  let left = wanted;
  for (let cursor: string | null | undefined; left > 0 && cursor !== null;) {
    const page = await read({ limit: Math.min(left, 100), ...(cursor === undefined ? {} : { cursor }) });
    const found = page.items.filter(isWanted).slice(0, left);
    yield* found;
    left -= found.length;
    cursor = page.nextCursor;
  }
}
