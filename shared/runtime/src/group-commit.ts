import type { Clock } from "./clock.ts";
import { ExplainedError } from "./errors.ts";

/**
 * Natural group commit: what has piled up goes out as one call of `run`, while at most `maxInFlight` calls are under way.
 * Nothing waits on purpose: a lone item goes out at once, and under load the batches grow by themselves.
 * (The technique is that of PostgreSQL's own WAL flush and of the LMAX "smart batching" write-up.)
 */
export interface GroupCommitOptions<Item, Result> {
  /**
   * Gives a result per item, in the order of the items, or `HeldUp` for one that needs a lock which others hold. When it throws, a batch of
   * several is run again one by one. It waits for such a lock for at most `lockWaitMs`, in milliseconds, and then throws what `isHeldUp` knows.
   */
  readonly run: (items: readonly Item[], lockWaitMs: number) => Promise<readonly (Result | HeldUp)[]>;
  readonly maxBatch: number;
  readonly maxInFlight: number;
  /**
   * For how long a batch waits for a lock, in milliseconds; 200 by default, by which time another replica has released it as a rule. 0 for a `run` that
   * finds out without waiting which items are `HeldUp`: then only an item that runs by itself waits, and no batch is halved.
   */
  readonly batchLockWaitMs?: number;
  /** How many items wait for locks by themselves at once, each with a transaction of its own; 2 by default. */
  readonly maxAside?: number;
  /** As many items as may wait at once; one more is rejected with `TooManyWaiting`. What hangs behind `run` must not fill the memory. */
  readonly maxWaiting: number;
  /**
   * An item that has waited for longer, in milliseconds, is rejected with `WaitedTooLong` and not worked on: nobody waits for its result any more.
   * While the oldest one is that old, further items are rejected at once.
   */
  readonly maxWaitMs: number;
  readonly clock: Pick<Clock, "elapsed">;
  /** Whether an error is no fault of an item, such as an absent database: then the batch is not run again one by one, all of it fails. */
  readonly isEveryonesFault: (error: unknown) => boolean;
  /** Whether an error says that an item waits for a lock: the others continue without it, and it waits for itself. */
  readonly isHeldUp: (error: unknown) => boolean;
  /** What an item may have to wait for, such as its idempotency key; undefined for one that never waits. */
  readonly nameOf: (item: Item) => string | undefined;
}

/**
 * Stands for the result of an item that needs a lock which another session holds, or whose row has just been changed by it. Its code is PostgreSQL's
 * for a lock that is not available: the caller is to try again.
 */
export class HeldUp extends ExplainedError {
  override readonly name = "HeldUp";
  readonly code = "55P03";
}

const LOCK_WAIT_MS = 200;
/** The same for the parts of a batch that has waited in vain: by then it is only looked for who waits. */
const CAREFUL_LOCK_WAIT_MS = 20;
/** As many such waits as a batch bears. A table may be locked, and then no part of it is any better off. */
const MAX_LOCK_WAITS = 20;
const MAX_ASIDE = 2;
/** For how long after an item waited in vain others of its name do not join a batch, in milliseconds. */
const SHUNNED_MS = 10_000;

/** Its code, as that of `WaitedTooLong`, is PostgreSQL's for insufficient resources: anyone who asks is to try again, and nothing is wrong with the item. */
class TooManyWaiting extends ExplainedError {
  override readonly name = "TooManyWaiting";
  readonly code = "53000";
}

class WaitedTooLong extends ExplainedError {
  override readonly name = "WaitedTooLong";
  readonly code = "53000";
}

interface Waiting<Item, Result> {
  readonly sinceMs: number;
  readonly item: Item;
  readonly resolve: (result: Result) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * What was held up by a lock runs again by itself, beside the batches, and waits for as long as an item may; of one name only the first does so,
 * and the others share its fate when it waits in vain.
 * @returns a function that takes one item and resolves with its result, or rejects with what its own run threw
 */
export function groupCommit<Item, Result>(options: GroupCommitOptions<Item, Result>): (item: Item) => Promise<Result> {
  const { run, maxBatch, maxInFlight, maxWaiting, maxWaitMs, clock, isEveryonesFault, isHeldUp, nameOf } = options;
  const { batchLockWaitMs = LOCK_WAIT_MS, maxAside = MAX_ASIDE } = options;
  const queue: Waiting<Item, Result>[] = [];
  let inFlight = 0;
  /** What waits by itself, by name; the first of each name is under way or next. */
  const aside = new Map<string, Waiting<Item, Result>[]>();
  const asideQueue: string[] = [];
  let asideInFlight = 0;
  let asideCount = 0;
  /** Until when, by `clock.elapsed()`, items of a name do not join a batch. */
  const shunnedUntil = new Map<string, number>();

  const rejectAll = (batch: readonly Waiting<Item, Result>[], error: unknown) => {
    for (const { reject } of batch) reject(error);
  };

  async function runBatch(
    batch: readonly Waiting<Item, Result>[],
    lockWaitMs = batchLockWaitMs,
    lockWaits = { left: MAX_LOCK_WAITS },
  ): Promise<void> {
    try {
      const results = await run(
        batch.map(({ item }) => item),
        lockWaitMs,
      );
      if (results.length !== batch.length)
        throw new ExplainedError(`group commit: ${batch.length} items gave ${results.length} results`);
      for (const [index, waiting] of batch.entries()) {
        const result = results[index];
        if (result instanceof HeldUp) setAside(waiting, result);
        else waiting.resolve(result as Result);
      }
    } catch (error) {
      if (isHeldUp(error) && batchLockWaitMs > 0) await runApart(batch, error, lockWaits);
      else if (batch.length === 1 || isEveryonesFault(error)) rejectAll(batch, error);
      else for (const one of batch) await runBatch([one]);
    }
  }

  /** Halves a batch of which something waits for a lock, until that stands alone. */
  async function runApart(
    batch: readonly Waiting<Item, Result>[],
    error: unknown,
    lockWaits: { left: number },
  ): Promise<void> {
    lockWaits.left -= 1;
    const [only, ...others] = batch;
    if (lockWaits.left <= 0 || only === undefined) {
      rejectAll(batch, error);
    } else if (others.length === 0) {
      setAside(only, error);
    } else {
      const middle = Math.ceil(batch.length / 2);
      for (const half of [batch.slice(0, middle), batch.slice(middle)])
        await runBatch(half, CAREFUL_LOCK_WAIT_MS, lockWaits);
    }
  }

  function setAside(waiting: Waiting<Item, Result>, error?: unknown): void {
    const name = nameOf(waiting.item);
    if (name === undefined) {
      waiting.reject(error);
      return;
    }
    asideCount += 1;
    const others = aside.get(name);
    if (others) {
      others.push(waiting);
      return;
    }
    aside.set(name, [waiting]);
    asideQueue.push(name);
    pumpAside();
  }

  function pumpAside(): void {
    while (asideInFlight < maxAside) {
      const name = asideQueue.shift();
      if (name === undefined) return;
      asideInFlight += 1;
      void runAside(name).finally(() => {
        asideInFlight -= 1;
        pumpAside();
      });
    }
  }

  /** Runs the first item of a name by itself. @returns the error when it was held up again */
  async function runFirst(first: Waiting<Item, Result>): Promise<unknown> {
    if (isLate(first)) {
      first.reject(waitedTooLong());
      return undefined;
    }
    try {
      const leftMs = Math.max(CAREFUL_LOCK_WAIT_MS, maxWaitMs - (clock.elapsed() - first.sinceMs));
      const [result] = await run([first.item], Math.ceil(leftMs));
      if (result instanceof HeldUp) {
        first.reject(result);
        return result;
      }
      first.resolve(result as Result);
      return undefined;
    } catch (error) {
      first.reject(error);
      return isHeldUp(error) ? error : undefined;
    }
  }

  async function runAside(name: string): Promise<void> {
    const [first] = aside.get(name) ?? [];
    const heldUp = first && (await runFirst(first));
    // Further ones may have come meanwhile.
    const others = (aside.get(name) ?? []).slice(1);
    aside.delete(name);
    asideCount -= 1 + others.length;
    if (heldUp === undefined) {
      shunnedUntil.delete(name);
      queue.push(...others);
      pump();
      return;
    }
    rejectAll(others, heldUp);
    for (const [old, until] of shunnedUntil) if (until < clock.elapsed()) shunnedUntil.delete(old);
    shunnedUntil.set(name, clock.elapsed() + SHUNNED_MS);
  }

  /** Whether an item would hold up the batch that it joined, as far as that is known. */
  function isShunned(item: Item): boolean {
    if (aside.size === 0 && shunnedUntil.size === 0) return false;
    const name = nameOf(item);
    return name !== undefined && (aside.has(name) || (shunnedUntil.get(name) ?? 0) > clock.elapsed());
  }

  const waitedTooLong = () => new WaitedTooLong(`an item waited for more than ${maxWaitMs} ms`);
  const isLate = ({ sinceMs }: { readonly sinceMs: number }) => clock.elapsed() - sinceMs > maxWaitMs;

  /** The next ones to work on, after those that have waited for too long. */
  function takeBatch(): readonly Waiting<Item, Result>[] {
    const firstInTime = queue.findIndex((waiting) => !isLate(waiting));
    for (const { reject } of queue.splice(0, firstInTime === -1 ? queue.length : firstInTime)) reject(waitedTooLong());
    return queue.splice(0, maxBatch);
  }

  function pump(): void {
    while (inFlight < maxInFlight) {
      const batch = takeBatch();
      if (batch.length === 0) return;
      inFlight += 1;
      void runBatch(batch).finally(() => {
        inFlight -= 1;
        pump();
      });
    }
  }

  return (item) =>
    new Promise<Result>((resolve, reject) => {
      const inWait = queue.length + asideCount;
      if (inWait >= maxWaiting) {
        reject(new TooManyWaiting(`${inWait} items wait already`));
        return;
      }
      const [oldest] = queue;
      if (oldest && isLate(oldest)) {
        reject(new WaitedTooLong("items wait for too long already"));
        return;
      }
      const waiting = { sinceMs: clock.elapsed(), item, resolve, reject };
      if (isShunned(item)) setAside(waiting);
      else {
        queue.push(waiting);
        pump();
      }
    });
}
