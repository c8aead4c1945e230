import { sql, type SQL } from "drizzle-orm";

/**
 * A set of rows as one parameter, for set-based statements: `from json_to_recordset(${jsonRows(rows)}) as r(id uuid, …)`.
 * One parameter whatever the number of rows keeps the statement's text, and so its plan, the same.
 */
export function jsonRows(rows: readonly object[]): SQL {
  return sql`${JSON.stringify(rows)}::json`;
}

/** An array as one parameter: `where id = any(${uuidArray(ids)})`. */
export function uuidArray(ids: readonly string[]): SQL {
  return sql`${`{${ids.join(",")}}`}::uuid[]`;
}
