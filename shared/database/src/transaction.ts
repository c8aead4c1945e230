import type { Database, Statements, Transaction } from "./connect.ts";
import { isAborted, isLockTimeout, isReadOnly, isStaleStatement } from "./errors.ts";

/** Each of a pool's sessions may have to find out for itself that its statements are stale. */
const ATTEMPTS = 12;

/** What a transaction does not wait for, and what is called once it is committed. */
class Attached {
  readonly whenCommitted = new Set<() => void>();
  readonly #statements: Promise<unknown>[] = [];
  readonly #failures: unknown[] = [];

  add(sent: Promise<unknown>): void {
    this.#statements.push(sent.catch((error: unknown) => void this.#failures.push(error)));
  }

  get hasFailed(): boolean {
    return this.#failures.length > 0;
  }

  /** When all of it has been answered. It never rejects. */
  async answered(): Promise<void> {
    await Promise.all(this.#statements);
  }

  throwFailure(): void {
    if (this.hasFailed) throw this.#failures[0];
  }

  /** Why the transaction failed, when it failed with `thrown`: a statement that failed makes those behind it, and the COMMIT, fail. */
  causeOf(thrown: unknown): unknown {
    return this.#failures.find((failure) => !isAborted(failure)) ?? thrown;
  }
}

const attachedTo = new WeakMap<Transaction, Attached>();

function attachedOf(tx: Transaction): Attached {
  const attached = attachedTo.get(tx);
  if (attached === undefined) throw new Error("only transactions of inTransaction and inSavepoint take this");
  return attached;
}

/**
 * Lets a transaction go on, as far as to its COMMIT, without waiting for the answer to a statement: one round trip less. The server executes it before
 * all that is sent after it. When it fails, nothing is committed, and `inTransaction` fails with its error.
 * @param tx of `inTransaction` or `inSavepoint`
 * @param sent the one statement's answer, of a call that sends it before it waits for anything; what the transaction does must not depend on the answer
 */
export function alongside(tx: Transaction, sent: Promise<unknown>): void {
  attachedOf(tx).add(sent);
}

/**
 * Has a function called as soon as the transaction is committed, once however often it is given; never when it is rolled back, or when its
 * connection is lost before the COMMIT is answered.
 * @param tx of `inTransaction` or `inSavepoint`
 * @param call must be quick and must not throw
 */
export function afterCommit(tx: Transaction, call: () => void): void {
  attachedOf(tx).whenCommitted.add(call);
}

/**
 * Runs `work` in a savepoint of a transaction: when it fails, what it did is rolled back, and the transaction can continue.
 * @throws whatever `work` or one of its statements throws
 */
export function inSavepoint<Result>(outer: Transaction, work: (tx: Transaction) => Promise<Result>): Promise<Result> {
  const ofOuter = attachedTo.get(outer);
  return outer.transaction(async (tx) => {
    const own = new Attached();
    attachedTo.set(tx, own);
    try {
      const result = await work(tx);
      await own.answered();
      own.throwFailure();
      for (const call of own.whenCommitted) ofOuter?.whenCommitted.add(call);
      return result;
    } catch (thrown) {
      throw own.causeOf(thrown);
    }
  });
}

/**
 * Runs `work` in one transaction (READ COMMITTED): all of it is committed, or none. It begins before the BEGIN is answered; only statements
 * that `goesWithBegin` knows are sent before. When it fails before its commit because the session's
 * prepared statements are stale, or the session is read-only, it is rolled back and run again, on a session of use: `work` must begin from its
 * arguments each time. One whose connection is lost is not: the process may have been frozen, and others may have done its work.
 * @throws whatever `work` or one of its statements throws, after the rollback; a lost connection, after which nothing was committed or everything was
 */
export async function inTransaction<Result>(db: Database, work: (tx: Transaction) => Promise<Result>): Promise<Result> {
  let mayBeCommitted = false;
  return onUsableSession(
    async () => {
      const own = new Attached();
      let isDone = false;
      try {
        const result = await db.transaction(async (tx) => {
          attachedTo.set(tx, own);
          const given = await work(tx);
          own.throwFailure();
          isDone = true;
          return given;
        });
        for (const call of own.whenCommitted) call();
        // A statement was sent behind the COMMIT: a fault of the code that no test may pass over.
        own.throwFailure();
        return result;
      } catch (thrown) {
        mayBeCommitted = isDone && !own.hasFailed;
        throw own.causeOf(thrown);
      }
    },
    () => !mayBeCommitted,
  );
}

/**
 * Runs `work`, whose last statement alone changes something and so is a transaction by itself: all of it is committed, or none, without the round trips of
 * `begin` and `commit`. It is run again when `inTransaction` would: it must begin from its arguments each time.
 * @throws what `inTransaction` throws
 */
export function inOneStatement<Result>(db: Database, work: (db: Statements) => Promise<Result>): Promise<Result> {
  return onUsableSession(() => work(db));
}

/** Runs `work` again when it failed because the session's prepared statements are stale or the session is read-only, and `mayRepeat` allows it. */
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
