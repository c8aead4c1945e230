import { isUuid } from "@shop/runtime/ids";
import { type SQL, sql } from "drizzle-orm";
import type { Transaction } from "./connect.ts";
import { uuidArray } from "./rows.ts";
import { statement } from "./statement.ts";

const setLockTimeout = statement<never, "ms">((value) => sql`select set_config('lock_timeout', ${value("ms")}, true)`, {
  goesWithBegin: true,
});

/**
 * Sets for how long each further statement of a transaction waits for a lock that another one holds, in milliseconds; then it throws
 * what `isLockTimeout` knows. Sent together with the next statement, by `Promise.all`, it costs no round trip.
 */
export async function setLockWait(tx: Transaction, ms: number): Promise<void> {
  await setLockTimeout(tx, { ms: String(ms) });
}

/** A column that holds UUIDs, such as `orders.id`. */
export interface UuidColumn {
  readonly table: SQL;
  readonly column: SQL;
}

/**
 * Locks rows until the transaction ends, those that no other transaction has locked, without waiting for the others.
 * @param ids what is no UUID names no row
 * @returns those ids, as they were given, of whose rows another transaction has locked one
 */
export async function lockWithoutWaiting(
  tx: Transaction,
  { table, column }: UuidColumn,
  ids: readonly string[],
): Promise<ReadonlySet<string>> {
  const wanted = ids.filter(isUuid);
  if (wanted.length === 0) return new Set();
  const rows = await tx.execute<{ id: string }>(sql`
    with free as materialized (
      select ${column} as id from ${table} where ${column} = any(${uuidArray(wanted)})
      order by ${column} for no key update skip locked)
    select ${column} as id from ${table}
    where ${column} = any(${uuidArray(wanted)}) and ${column} not in (select id from free)`);
  const locked = new Set(rows.map(({ id }) => id));
  return new Set(wanted.filter((id) => locked.has(id.toLowerCase())));
}
