import type { Database, Transaction } from "./connect.ts";

/**
 * Runs `work` in one transaction (READ COMMITTED): all of it is committed, or none.
 * @throws whatever `work` throws, after the rollback; a lost connection, after which nothing was committed or everything was
 */
export function inTransaction<Result>(db: Database, work: (tx: Transaction) => Promise<Result>): Promise<Result> {
  return db.transaction(work);
}
