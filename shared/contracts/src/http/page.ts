import { z } from "zod";
import { Instant, Uuid } from "../primitives.ts";

const DEFAULT_LIMIT = 20;

/** A place in a list: the id of the last item seen, without its dashes. Lists are ordered by UUIDv7, newest first. */
export const Cursor = z
  .string()
  .regex(/^[0-9a-f]{32}$/, "is not a cursor that a list has given")
  .transform((hex) => hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5"));

const Limit = z
  .string()
  .regex(/^([1-9][0-9]?|100)$/, "must be a whole number from 1 to 100")
  .transform(Number)
  .default(DEFAULT_LIMIT)
  .meta({ description: "How many items at most, 1 to 100" });

/** Filters of a list by time, and the end that it is read from. */
export const timeFilters = {
  from: Instant.optional().meta({
    description: "Only what was made at this time or later, by the time in its id",
    examples: ["2026-11-23T00:00:00Z"],
  }),
  to: Instant.optional().meta({
    description: "Only what was made before this time",
    examples: ["2026-11-24T00:00:00Z"],
  }),
  sort: z.enum(["newest", "oldest"]).default("newest").meta({ description: "Which come first" }),
};

/** The query of a list: `limit`, `cursor` and its filters; anything else is refused. */
export function pageQuery<Filters extends z.ZodRawShape>(filters: Filters) {
  return z.strictObject({ limit: Limit, cursor: Cursor.optional(), ...filters });
}

export function pageOf<Item extends z.ZodType>(item: Item) {
  return z.object({ items: z.array(item), nextCursor: z.string().nullable() });
}

/**
 * The answer for a list that was read with `limit + 1` rows.
 * @returns `{items, nextCursor}`; `nextCursor` is null on the last page.
 */
export function toPage<Item extends { id: string }>(rows: readonly Item[], limit: number) {
  const items = rows.slice(0, limit);
  const last = items.at(-1);
  return { items, nextCursor: rows.length > limit && last ? last.id.replaceAll("-", "") : null };
}

/** As many rows as a page of a list looks through for a filter that no index serves. */
const LOOKED_THROUGH = 2_000;
/** As many at a time. */
const LOOKED_AT_ONCE = 500;

/** Said of a filter that is answered by `lookThrough`. */
export const NO_INDEX = `A page looks through ${LOOKED_THROUGH.toLocaleString("en")} for it at most, so it may be short, or empty, with a \`nextCursor\``;

/**
 * A page of what a list has and `isWanted`, for filters that no index serves: an index costs each change of a row, and these are looked for rarely.
 * @param read the next rows of the list behind an id, in its order
 */
export async function lookThrough<Item extends { id: string }>(
  { span, limit }: { readonly span: Span; readonly limit: number },
  isWanted: (item: Item) => boolean,
  read: (span: Span, limit: number) => Promise<readonly Item[]>,
): Promise<{ items: Item[]; nextCursor: string | null }> {
  const found: Item[] = [];
  let { afterId } = span;
  for (let looked = 0; looked < LOOKED_THROUGH;) {
    const rows = await read({ ...span, afterId }, LOOKED_AT_ONCE);
    found.push(...rows.filter(isWanted));
    if (found.length > limit) return toPage(found, limit);
    if (rows.length < LOOKED_AT_ONCE) return toPage(found, limit);
    looked += rows.length;
    afterId = rows.at(-1)?.id;
  }
  return { items: found, nextCursor: afterId?.replaceAll("-", "") ?? null };
}

export const IdFilter = Uuid.optional();

/** Which part of a list is read, and from which end. Ids are UUIDv7, so a range of time is a range of ids, and needs no index of its own. */
export interface Span {
  readonly oldestFirst: boolean;
  /** Only those behind this one in the list. */
  readonly afterId?: string | undefined;
  /** Only ids from this one on. */
  readonly fromId?: string | undefined;
  /** Only ids below this one. */
  readonly toId?: string | undefined;
}

/** The first id that can be made at an instant. @param instant RFC 3339 */
export function firstIdAt(instant: string): string {
  const hex = Math.max(0, Date.parse(instant)).toString(16).padStart(12, "0");
  return `${hex.slice(0, 8)}-${hex.slice(8)}-0000-0000-000000000000`;
}

/** What a list's query asks for: from an instant on, up to another one, from either end, behind a cursor. */
export function spanOf(query: {
  readonly cursor?: string | undefined;
  readonly from?: string | undefined;
  readonly to?: string | undefined;
  readonly sort: "newest" | "oldest";
}): Span {
  const { cursor, from, to, sort } = query;
  return {
    oldestFirst: sort === "oldest",
    afterId: cursor,
    fromId: from === undefined ? undefined : firstIdAt(from),
    toId: to === undefined ? undefined : firstIdAt(to),
  };
}

/** Whether an id lies in a span. */
export function isInSpan(id: string, { oldestFirst, afterId, fromId, toId }: Span): boolean {
  const isBehind = afterId === undefined || (oldestFirst ? id > afterId : id < afterId);
  return isBehind && (fromId === undefined || id >= fromId) && (toId === undefined || id < toId);
}
