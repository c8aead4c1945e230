import { type Column, sql, type SQL } from "drizzle-orm";
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

/** No id comes after it. */
const LAST_ID = "ffffffff-ffff-ffff-ffff-ffffffffffff";

/**
 * The rows of a list that is filtered by equality, from an index over what it filters by and then `id`, newest first. An index that is in the
 * order of `id` alone cannot serve this order. Otherwise PostgreSQL may choose it because it expects to find rows soon; and where those that are
 * looked for lie together, as the oldest of a status do, it reads all that came after them.
 * @param prefix the index's columns before `id`, with what each must be
 * @param afterId only those behind this one in the list
 */
export function newestWhere(
  prefix: readonly (readonly [column: Column | SQL, value: string | SQL])[],
  id: Column,
  afterId: string | undefined,
): { readonly where: SQL; readonly orderBy: readonly SQL[] } {
  const comma = sql.raw(", ");
  const columns = prefix.map(([column]) => sql`${column}`);
  const values = prefix.map(([, value]) => sql`${value}`);
  const [all, wanted] = [sql.join(columns, comma), sql.join(values, comma)];
  return {
    where: sql`(${all}, ${id}) < (${wanted}, ${afterId ?? LAST_ID}::uuid) and (${all}) >= (${wanted})`,
    orderBy: [...columns, sql`${id}`].map((column) => sql`${column} desc`),
  };
}
