import { type Placeholder, type SQL, sql } from "drizzle-orm";
import { PgDialect } from "drizzle-orm/pg-core";
import type { RowList } from "postgres";
import type { Transaction } from "./connect.ts";

/** What a parameter can be: rows of a set as JSON text, an array as PostgreSQL writes it, or one value. */
type Value = string | number | boolean | null;

export interface StatementOptions {
  /**
   * It may be sent together with the BEGIN of its transaction, before that is answered: one round trip less. Should the BEGIN fail, it runs by
   * itself; so it must change nothing, or write only what the database refuses outside of a transaction, as the inbox.
   */
  readonly goesWithBegin?: boolean;
}

const dialect = new PgDialect();
const goingWithBegin = new Set<string>();

/** Whether a statement with this text may be sent before the BEGIN of its transaction is answered. */
export const goesWithBegin = (text: string): boolean => goingWithBegin.has(text);

/**
 * A statement of a hot path. Its text is put together once, and not for each call: that costs as much as sending it.
 * @param build gets a placeholder for each value, by its name
 * @returns a function that sends it as part of a transaction, with its values by their names, and gives its rows
 */
export function statement<Row extends Record<string, unknown> = never, Name extends string = string>(
  build: (value: (name: Name) => Placeholder<Name>) => SQL,
  options: StatementOptions = {},
): (tx: Transaction, values: Readonly<Record<Name, Value>>) => Promise<RowList<Row[]>> {
  const query = dialect.sqlToQuery(build((name) => sql.placeholder(name)));
  if (options.goesWithBegin === true) goingWithBegin.add(query.sql);
  return (tx, values) =>
    tx._.session
      .prepareQuery<{ execute: RowList<Row[]>; all: unknown; values: unknown }>(query, undefined, undefined, false)
      .execute(values);
}

/** A set of rows as the value of a placeholder: `from json_to_recordset(${value("rows")}::json) as r(id uuid, …)`. */
export const jsonValue = (rows: readonly object[]): string => JSON.stringify(rows);

/** UUIDs as the value of a placeholder: `where id = any(${value("ids")}::uuid[])`. */
export const uuidsValue = (ids: readonly string[]): string => `{${ids.join(",")}}`;
