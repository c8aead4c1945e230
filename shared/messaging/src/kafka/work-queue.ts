import type { Topic } from "@shop/contracts/messages/define";
import type { Clock } from "@shop/runtime/clock";
import type { Logger } from "@shop/runtime/logger";
import type { Metrics } from "@shop/runtime/metrics";
import type { BrokerRecord, SubscribeOptions } from "../broker.ts";

interface WorkQueueOptions {
  readonly handle: SubscribeOptions["handle"];
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: Metrics;
}

export interface HandledOffset {
  readonly topic: Topic;
  readonly partition: number;
  /** The offset to commit: one past the last record handled. */
  readonly next: string;
}

/** As many records as one handler call takes at most; more make a transaction longer without making it cheaper a record. */
const MAX_BATCH = 1_000;
const RETRY_PAUSE_MS = 500;
/** How long a stop waits for the batch in hand, in milliseconds; a batch takes some tens. */
const CLOSE_PATIENCE_MS = 5_000;

export type WorkQueue = ReturnType<typeof createWorkQueue>;

/** Records between fetching and handling. One handler call runs at a time and takes all that waits, over partitions and topics. */
export function createWorkQueue({ handle, clock, logger, metrics }: WorkQueueOptions) {
  const closing = new AbortController();
  let waiting: readonly BrokerRecord[] = [];
  let uncommitted = new Map<string, HandledOffset>();
  /** Raised when fetching starts over at the committed offsets: what was queued before comes again. */
  let generation = 0;
  let pumping: Promise<void> | undefined;
  let taken = Promise.withResolvers<void>();

  function take(): readonly BrokerRecord[] {
    const batch = waiting.slice(0, MAX_BATCH);
    waiting = waiting.slice(MAX_BATCH);
    if (waiting.length === 0) {
      taken.resolve();
      taken = Promise.withResolvers();
    }
    return batch;
  }

  async function pump(): Promise<void> {
    while (waiting.length > 0 && !closing.signal.aborted) {
      const batchGeneration = generation;
      const batch = take();
      try {
        await handle(batch, closing.signal);
      } catch (error) {
        if (closing.signal.aborted) return;
        logger.error("a batch of messages could not be handled; trying again", { records: batch.length, error });
        if (batchGeneration === generation) waiting = [...batch, ...waiting];
        await clock.sleep(RETRY_PAUSE_MS, closing.signal);
        continue;
      }
      metrics.count("consumer_batches_total");
      metrics.count("consumer_records_total", {}, batch.length);
      if (batchGeneration !== generation) continue;
      for (const { topic, partition, offset } of batch) {
        uncommitted.set(`${topic}:${partition}`, { topic, partition, next: (BigInt(offset) + 1n).toString() });
      }
    }
  }

  function startPump(): void {
    pumping ??= pump().finally(() => {
      pumping = undefined;
      if (waiting.length > 0 && !closing.signal.aborted) startPump();
    });
  }

  return {
    /** Queues records, unless it is closed: then they come again, to another consumer. */
    add(records: readonly BrokerRecord[]): void {
      if (closing.signal.aborted) return;
      waiting = waiting.length === 0 ? records : [...waiting, ...records];
      startPump();
    },
    isEmpty: () => waiting.length === 0,
    /** Resolves as soon as nothing waits any more, or after `ms`. */
    async untilEmptyOr(ms: number): Promise<void> {
      if (waiting.length > 0) await Promise.race([taken.promise, clock.sleep(ms, closing.signal)]);
    },
    /** Forgets what waits and what is not committed: the group was joined anew, and fetching starts at its committed offsets. */
    startOver(): void {
      generation += 1;
      waiting = [];
      uncommitted = new Map();
    },
    /**
     * Has the offsets handled since the last time committed; if `commit` throws, they are committed the next time.
     * @throws what `commit` throws
     */
    async commitHandled(commit: (offsets: readonly HandledOffset[]) => Promise<void>): Promise<void> {
      const handled = uncommitted;
      const handledGeneration = generation;
      if (handled.size === 0) return;
      uncommitted = new Map();
      try {
        await commit([...handled.values()]);
      } catch (error) {
        if (handledGeneration === generation) uncommitted = new Map([...handled, ...uncommitted]);
        throw error;
      }
    },
    /** Lets the batch in hand finish and drops what waits behind it. Waiting for an absent database is given up. */
    async close(): Promise<void> {
      waiting = [];
      const inHand = pumping;
      if (inHand) await Promise.race([inHand, clock.sleep(CLOSE_PATIENCE_MS)]);
      closing.abort();
      await inHand;
    },
  };
}
