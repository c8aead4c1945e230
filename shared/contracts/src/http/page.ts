import { z } from "zod";
import { Uuid } from "../primitives.ts";

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

export const IdFilter = Uuid.optional();
