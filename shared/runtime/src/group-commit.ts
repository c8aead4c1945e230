import type { Clock } from "./clock.ts";
import { ExplainedError } from "./errors.ts";

/**
 * Natural group commit: what has piled up goes out as one call of `run`, while at most `maxInFlight` calls are under way.
 * Nothing waits on purpose: a lone item goes out at once, and under load the batches grow by themselves.
 * (The technique is that of PostgreSQL's own WAL flush and of the LMAX "smart batching" write-up.)
 */
export interface GroupCommitOptions<Item, Result> {
  /** Gives a result per item, in the order of the items. When it throws, a batch of several is run again one by one. */
  readonly run: (items: readonly Item[]) => Promise<readonly Result[]>;
  readonly maxBatch: number;
  readonly maxInFlight: number;
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
}

/** Its code, as that of `WaitedTooLong`, is PostgreSQL's for insufficient resources: whoever asks is to try again, and nothing is wrong with the item. */
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

/** @returns a function that takes one item and resolves with its result, or rejects with what its own run threw */
export function groupCommit<Item, Result>(options: GroupCommitOptions<Item, Result>): (item: Item) => Promise<Result> {
  const { run, maxBatch, maxInFlight, maxWaiting, maxWaitMs, clock, isEveryonesFault } = options;
  const queue: Waiting<Item, Result>[] = [];
  let inFlight = 0;

  async function runBatch(batch: readonly Waiting<Item, Result>[]): Promise<void> {
    try {
      const results = await run(batch.map(({ item }) => item));
      if (results.length !== batch.length)
        throw new ExplainedError(`group commit: ${batch.length} items gave ${results.length} results`);
      for (const [index, { resolve }] of batch.entries()) resolve(results[index] as Result);
    } catch (error) {
      if (batch.length === 1 || isEveryonesFault(error)) for (const { reject } of batch) reject(error);
      else for (const one of batch) await runBatch([one]);
    }
  }

  const isLate = ({ sinceMs }: { readonly sinceMs: number }) => clock.elapsed() - sinceMs > maxWaitMs;

  /** The next ones to work on, after those that have waited for too long. */
  function takeBatch(): readonly Waiting<Item, Result>[] {
    const firstInTime = queue.findIndex((waiting) => !isLate(waiting));
    for (const { reject } of queue.splice(0, firstInTime === -1 ? queue.length : firstInTime))
      reject(new WaitedTooLong(`an item waited for more than ${maxWaitMs} ms`));
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
      if (queue.length >= maxWaiting) {
        reject(new TooManyWaiting(`${queue.length} items wait already`));
        return;
      }
      const [oldest] = queue;
      if (oldest && isLate(oldest)) {
        reject(new WaitedTooLong("items wait for too long already"));
        return;
      }
      queue.push({ sinceMs: clock.elapsed(), item, resolve, reject });
      pump();
    });
}
