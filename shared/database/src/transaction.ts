import type { Database, Statements, Transaction } from "./connect.ts";
import { isLockTimeout, isReadOnly, isStaleStatement } from "./errors.ts";

/** Each of a pool's sessions may have to find out for itself that its statements are stale. */
const ATTEMPTS = 12;

/**
 * Runs `work` in one transaction (READ COMMITTED): all of it is committed, or none. When it fails before its commit because the session's
 * prepared statements are stale, or the session is read-only, it is rolled back and run anew, on a session of use: `work` must begin from its
 * arguments each time. One whose connection is lost is not: the process may have been frozen, and others may have done its work.
 * @throws whatever `work` throws, after the rollback; a lost connection, after which nothing was committed or everything was
 */
export async function inTransaction<Result>(db: Database, work: (tx: Transaction) => Promise<Result>): Promise<Result> {
  let isDone = false;
  return onUsableSession(
    () =>
      db.transaction(async (tx) => {
        const result = await work(tx);
        isDone = true;
        return result;
      }),
    () => !isDone,
  );
}

/**
 * Runs `work`, whose last statement alone changes something and so is a transaction by itself: all of it is committed, or none, without the round trips of
 * `begin` and `commit`. It is run anew when `inTransaction` would: it must begin from its arguments each time.
 * @throws what `inTransaction` throws
 */
export function inOneStatement<Result>(db: Database, work: (db: Statements) => Promise<Result>): Promise<Result> {
  return onUsableSession(() => work(db));
}

/** Runs `work` anew when it failed because the session's prepared statements are stale or the session is read-only, and `mayRepeat` allows it. */
async function onUsableSession<Result>(work: () => Promise<Result>, mayRepeat = () => true): Promise<Result> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await work();
    } catch (error) {
      if (!mayRepeat() || attempt === ATTEMPTS || !(isStaleStatement(error) || isReadOnly(error))) throw error;
    }
  }
}

/** Who waits for the transaction under way on a row, in their order; by the row, for each pool. */
const turns = new WeakMap<Database, Map<string, PromiseWithResolvers<void>[]>>();

/**
 * Runs `work` as `inTransaction` does, one at a time for each row: for callers that change one row, such as a product's. They would wait
 * for each other at the row's lock all the same. So when another session holds the row, one connection of the pool waits for it, and not all of
 * them, which other rows need. When that wait comes to nothing, those that came meanwhile fail with the same error.
 * @param rowId a UUID or a hash, in upper or lower case
 * @throws what `inTransaction` throws; what `isLockTimeout` knows when the row is held for longer than the pool's sessions wait for a lock
 */
export async function inTransactionOn<Result>(
  db: Database,
  rowId: string,
  work: (tx: Transaction) => Promise<Result>,
): Promise<Result> {
  const ofPool = turns.get(db) ?? new Map<string, PromiseWithResolvers<void>[]>();
  turns.set(db, ofPool);
  const name = rowId.toLowerCase();
  const ahead = ofPool.get(name);
  const waiting = ahead ?? [];
  if (ahead === undefined) {
    ofPool.set(name, waiting);
  } else {
    const turn = Promise.withResolvers<void>();
    ahead.push(turn);
    await turn.promise;
  }
  try {
    return await inTransaction(db, work);
  } catch (error) {
    if (isLockTimeout(error)) for (const turn of waiting.splice(0)) turn.reject(error);
    throw error;
  } finally {
    const next = waiting.shift();
    if (next === undefined) ofPool.delete(name);
    else next.resolve();
  }
}
