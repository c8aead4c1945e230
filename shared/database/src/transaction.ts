import type { Database, Transaction } from "./connect.ts";
import { isReadOnly, isStaleStatement } from "./errors.ts";

/** Each of a pool's sessions may have to find out for itself that its statements are stale. */
const ATTEMPTS = 12;

/**
 * Runs `work` in one transaction (READ COMMITTED): all of it is committed, or none. When it fails before its commit because the session's
 * prepared statements are stale, or the session is read-only, it is rolled back and run anew, on a session of use: `work` must begin from its
 * arguments each time. One whose connection is lost is not: the process may have been frozen, and others may have done its work.
 * @throws whatever `work` throws, after the rollback; a lost connection, after which nothing was committed or everything was
 */
export async function inTransaction<Result>(db: Database, work: (tx: Transaction) => Promise<Result>): Promise<Result> {
  for (let attempt = 1; ; attempt += 1) {
    let isDone = false;
    try {
      return await db.transaction(async (tx) => {
        const result = await work(tx);
        isDone = true;
        return result;
      });
    } catch (error) {
      if (isDone || attempt === ATTEMPTS || !(isStaleStatement(error) || isReadOnly(error))) throw error;
    }
  }
}
