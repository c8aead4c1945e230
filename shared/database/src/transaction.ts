import { sql } from "drizzle-orm";
import type { Database, Transaction } from "./connect.ts";

/**
 * Runs `work` in one transaction (READ COMMITTED): all of it is committed, or none.
 *
 * The transaction is given a name, `app.tx`, that ends with it. Tables that must never be written outside of a transaction (outbox, inbox)
 * have a column that defaults to it, so that a statement which got loose from its transaction is refused by the database.
 * @throws whatever `work` throws, after the rollback; a lost connection, after which nothing was committed or everything was
 */
export function inTransaction<Result>(db: Database, work: (tx: Transaction) => Promise<Result>): Promise<Result> {
  return db.transaction(async (tx) => {
    await tx.execute(sql`select set_config('app.tx', pg_backend_pid()::text, true)`);
    return work(tx);
  });
}
