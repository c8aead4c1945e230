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
const FULL = 4_000;
const RETRY_PAUSE_MS = 500;
/** How long a stop waits for the batch in hand, in milliseconds; a batch takes some tens. */
const CLOSE_PATIENCE_MS = 5_000;

export type WorkQueue = ReturnType<typeof createWorkQueue>;

/** Records between fetching and handling. One handler call runs at a time and takes all that waits, over partitions and topics. */
export function createWorkQueue({ handle, clock, logger, metrics }: WorkQueueOptions) {
  const closing = new AbortController();
  let waiting: BrokerRecord[] = [];
  let uncommitted = new Map<string, HandledOffset>();
  /** Raised when fetching starts over at the committed offsets: what was queued before comes again. */
  let generation = 0;
  let pumping: Promise<void> | undefined;
  let notFull = Promise.withResolvers<void>();

  async function pump(): Promise<void> {
    while (waiting.length > 0 && !closing.signal.aborted) {
      const batch = waiting.slice(0, MAX_BATCH);
      const batchGeneration = generation;
      try {
        await handle(batch, closing.signal);
      } catch (error) {
        if (closing.signal.aborted) return;
        logger.error("a batch of messages could not be handled; trying again", { records: batch.length, error });
        await clock.sleep(RETRY_PAUSE_MS, closing.signal);
        continue;
      }
      metrics.count("consumer_records_total", {}, batch.length);
      if (batchGeneration !== generation) continue;
      waiting = waiting.slice(batch.length);
      for (const { topic, partition, offset } of batch) {
        uncommitted.set(`${topic}:${partition}`, { topic, partition, next: (BigInt(offset) + 1n).toString() });
      }
      if (waiting.length < FULL) {
        notFull.resolve();
        notFull = Promise.withResolvers();
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
    add(records: readonly BrokerRecord[]): void {
      waiting.push(...records);
      startPump();
    },
    isFull: () => waiting.length >= FULL,
    async untilNotFullOr(ms: number): Promise<void> {
      await Promise.race([notFull.promise, clock.sleep(ms, closing.signal)]);
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
      const taken = uncommitted;
      const takenGeneration = generation;
      if (taken.size === 0) return;
      uncommitted = new Map();
      try {
        await commit([...taken.values()]);
      } catch (error) {
        if (takenGeneration === generation) uncommitted = new Map([...taken, ...uncommitted]);
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

