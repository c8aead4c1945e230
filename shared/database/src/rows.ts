import type { Span } from "@shop/contracts/http/page";
import { asc, type Column, desc, sql, type SQL } from "drizzle-orm";
import { jsonValue, uuidsValue } from "./statement.ts";

/**
 * A set of rows as one parameter, for set-based statements: `from json_to_recordset(${jsonRows(rows)}) as r(id uuid, …)`.
 * One parameter whatever the number of rows keeps the statement's text, and so its plan, the same.
 */
export function jsonRows(rows: readonly object[]): SQL {
  return sql`${jsonValue(rows)}::json`;
}

/** An array as one parameter: `where id = any(${uuidArray(ids)})`. */
export function uuidArray(ids: readonly string[]): SQL {
  return sql`${uuidsValue(ids)}::uuid[]`;
}

/** No id comes after it, none before it. */
const LAST_ID = "ffffffff-ffff-ffff-ffff-ffffffffffff";
const FIRST_ID = "00000000-0000-0000-0000-000000000000";

/**
 * The rows of a list that is filtered by equality, from an index over what it filters by and then `id`, in the order of a span. An index that is
 * in the order of `id` alone cannot serve this order. Otherwise PostgreSQL may choose it because it expects to find rows soon; and where those
 * that are looked for lie together, as the oldest of a status do, it reads all that came after them.
 * @param prefix the index's columns before `id`, with what each must be; none for the primary key alone
 */
export function spanWhere(
  prefix: readonly (readonly [column: Column | SQL, value: string | SQL])[],
  id: Column | SQL,
  { oldestFirst, afterId, fromId, toId }: Span,
): { readonly where: SQL; readonly orderBy: readonly SQL[] } {
  const comma = sql.raw(", ");
  const columns = [...prefix.map(([column]) => sql`${column}`), sql`${id}`];
  const row = sql.join(columns, comma);
  const at = (bound: string) => sql.join([...prefix.map(([, value]) => sql`${value}`), sql`${bound}::uuid`], comma);
  // The cursor is strict; the range is not where it begins.
  const lower = oldestFirst && afterId !== undefined ? largest(afterId, fromId) : fromId;
  const isStrict = lower !== undefined && lower === afterId && oldestFirst;
  const upper = oldestFirst || afterId === undefined ? toId : smallest(afterId, toId);
  return {
    where: sql`(${row}) < (${at(upper ?? LAST_ID)}) and (${row}) ${sql.raw(isStrict ? ">" : ">=")} (${at(lower ?? FIRST_ID)})`,
    orderBy: columns.map((column) => (oldestFirst ? sql`${column} asc` : sql`${column} desc`)),
  };
}

/** The order of a span, for rows of several reads that are put together. */
export const byId = (id: Column, { oldestFirst }: Pick<Span, "oldestFirst">): SQL => (oldestFirst ? asc(id) : desc(id));

const largest = (one: string, other: string | undefined) => (other === undefined || one >= other ? one : other);
const smallest = (one: string, other: string | undefined) => (other === undefined || one <= other ? one : other);

/** As `spanWhere`, newest first. */
export function newestWhere(
  prefix: readonly (readonly [column: Column | SQL, value: string | SQL])[],
  id: Column,
  afterId: string | undefined,
): { readonly where: SQL; readonly orderBy: readonly SQL[] } {
  return spanWhere(prefix, id, { oldestFirst: false, afterId });
}
