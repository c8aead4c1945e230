import type { Topic } from "@shop/contracts/services";
import type { Clock } from "@shop/runtime/clock";
import type { Logger } from "@shop/runtime/logger";
import { BATCH_SIZES, type Metrics, STAGE_SECONDS } from "@shop/runtime/metrics";
import type { BrokerRecord, SubscribeOptions } from "../../broker.ts";
import { createDeferredRecords, type DeferredState } from "./deferred-records.ts";

interface WorkQueueOptions {
  readonly handle: SubscribeOptions["handle"];
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: Metrics;
  /** As many records as one handler call takes at most, `MAX_BATCH` by default. */
  readonly maxBatch?: number;
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
/** A consumer is under load when a handler call took as many records. With fewer, waiting for more only costs time. */
const LOADED_RECORDS = 8;
/**
 * Under load, fetching waits this many times as long as the last handler call took. A fetch, a transaction and a publication cost some
 * 5 ms of CPU whatever they carry (docs/performance.md): with larger batches the same messages share fewer of them.
 */
const PAUSE_PER_HANDLING = 3;
/** What the pause adds to a message's way at most, in milliseconds. */
const MAX_FETCH_PAUSE_MS = 50;
/** How long a stop waits for the in-flight batch, in milliseconds; a batch takes some tens. */
const CLOSE_TIMEOUT_MS = 5_000;

export type WorkQueue = ReturnType<typeof createWorkQueue>;

interface PartitionEnd {
  readonly topic: Topic;
  readonly partition: number;
  /** One past the last record that was handled or deferred. */
  readonly next: bigint;
}

const nameOf = ({ topic, partition }: Pick<BrokerRecord, "topic" | "partition">) => `${topic}:${partition}`;

/**
 * Records between fetching and handling. One handler call runs at a time and takes all that waits, over partitions and topics. What the handler
 * defers is kept and retried, later records of the same key behind it, while other keys continue; what lies behind a deferred record
 * in its partition is not committed.
 */
export function createWorkQueue({ handle, clock, logger, metrics, maxBatch = MAX_BATCH }: WorkQueueOptions) {
  const batchRecords = metrics
    .histogram({ name: "consumer_batch_records", help: "Records that one handler call has handled" }, BATCH_SIZES)
    .child({});
  const batchSeconds = metrics
    .histogram({ name: "consumer_batch_duration_seconds", help: "Time that one handler call took" }, STAGE_SECONDS)
    .child({});
  const closing = new AbortController();
  let isClosed = false;
  let waiting: readonly BrokerRecord[] = [];
  const deferred = createDeferredRecords(clock);
  /** By partition, how far records have been handled or deferred, and how far that is committed. */
  let ends = new Map<string, PartitionEnd>();
  let committed = new Map<string, bigint>();
  /** By partition, how far records have been queued, and up to where nothing but what is no record lies behind them. */
  let queuedTo = new Map<string, bigint>();
  let skippedTo = new Map<string, PartitionEnd>();
  /** Raised when fetching starts over at the committed offsets: what was queued before comes again. */
  let generation = 0;
  let pumping: Promise<void> | undefined;
  let taken = Promise.withResolvers<void>();
  let hasRetryTimer = false;
  let lastHandling = { records: 0, tookMs: 0 };

  const mayTake = () => !isClosed && waiting.length > 0 && !deferred.isFull();
  const mustRetry = () => !isClosed && deferred.dueInMs() === 0;

  function take(): readonly BrokerRecord[] {
    const batch = waiting.slice(0, maxBatch);
    waiting = waiting.slice(maxBatch);
    if (waiting.length === 0) {
      taken.resolve();
      taken = Promise.withResolvers();
    }
    return batch;
  }

  function noteEnds(records: readonly BrokerRecord[]): void {
    for (const record of records) {
      const [name, next] = [nameOf(record), BigInt(record.offset) + 1n];
      const { topic, partition } = record;
      if (next > (ends.get(name)?.next ?? -1n)) ends.set(name, { topic, partition, next });
    }
  }

  /** How far each partition has been handled or deferred, with what is no record behind that. */
  function endsWithSkipped(): ReadonlyMap<string, PartitionEnd> {
    if (skippedTo.size === 0) return ends;
    const all = new Map(ends);
    for (const [name, skipped] of skippedTo) {
      const [handled, queued] = [ends.get(name)?.next ?? -1n, queuedTo.get(name) ?? -1n];
      if (handled >= queued && skipped.next > handled) all.set(name, skipped);
    }
    return all;
  }

  /**
   * Hands records over.
   * @returns those that the handler deferred; undefined when it failed, or when fetching has started over meanwhile
   */
  async function handOver(batch: readonly BrokerRecord[]): Promise<readonly BrokerRecord[] | "failed" | "outdated"> {
    const batchGeneration = generation;
    const begunAt = clock.elapsed();
    let left: readonly BrokerRecord[];
    try {
      left = (await handle(batch, closing.signal)) ?? [];
    } catch (error) {
      if (closing.signal.aborted) return "outdated";
      logger.error("BATCH_FAILED", "a batch of messages could not be handled; retrying", {
        records: batch.length,
        error,
      });
      return batchGeneration === generation ? "failed" : "outdated";
    }
    batchRecords(batch.length - left.length);
    batchSeconds((clock.elapsed() - begunAt) / 1_000);
    return batchGeneration === generation ? left : "outdated";
  }

  async function handleNext(): Promise<void> {
    const all = take();
    const behind = all.filter(({ key }) => deferred.holds(key));
    const batch = behind.length === 0 ? all : all.filter(({ key }) => !deferred.holds(key));
    const startedAt = clock.elapsed();
    const left = batch.length === 0 ? [] : await handOver(batch);
    lastHandling = { records: all.length, tookMs: clock.elapsed() - startedAt };
    if (left === "outdated") return;
    if (left === "failed") {
      waiting = [...all, ...waiting];
      await clock.sleep(RETRY_PAUSE_MS, closing.signal);
      return;
    }
    noteEnds(all);
    if (left.length > 0 && deferred.isEmpty()) {
      const keys = new Set(left.map(({ key }) => key));
      logger.warn(
        "MESSAGES_DEFERRED",
        "messages are deferred: another transaction has locked their row; other keys continue",
        {
          ...{ messages: left.length, keys: keys.size, firstKey: left[0]?.key },
        },
      );
    }
    deferred.add(behind);
    deferred.add(left);
  }

  async function retryDeferred(): Promise<void> {
    const batch = deferred.nextToRetry(maxBatch);
    const left = await handOver(batch);
    if (left === "outdated") return;
    deferred.retried(batch, left === "failed" ? batch : left);
    if (left !== "failed" && left.length < batch.length && deferred.isEmpty())
      logger.info("MESSAGES_DEFERRED_DONE", "all deferred messages are handled", { messages: batch.length });
  }

  async function pump(): Promise<void> {
    while (!closing.signal.aborted && (mayTake() || mustRetry())) {
      if (mustRetry()) await retryDeferred();
      if (mayTake()) await handleNext();
    }
  }

  function startPump(): void {
    if (!mayTake() && !mustRetry()) {
      armRetryTimer();
      return;
    }
    pumping ??= pump().finally(() => {
      pumping = undefined;
      startPump();
    });
  }

  function armRetryTimer(): void {
    const dueInMs = deferred.dueInMs();
    if (dueInMs === undefined || hasRetryTimer || isClosed) return;
    hasRetryTimer = true;
    void clock.sleep(dueInMs, closing.signal).then(() => {
      hasRetryTimer = false;
      if (!closing.signal.aborted) startPump();
    });
  }

  return {
    /** Queues records, unless it is closed: then they come again, to another consumer. */
    add(records: readonly BrokerRecord[]): void {
      if (isClosed) return;
      for (const record of records) queuedTo.set(nameOf(record), BigInt(record.offset) + 1n);
      waiting = waiting.length === 0 ? records : [...waiting, ...records];
      startPump();
    },
    /** Says that a partition has nothing to handle up to this offset behind what has been queued, such as the marker of a transaction: it is committed, too. */
    passOver(topic: Topic, partition: number, lastOffset: string): void {
      if (!isClosed) skippedTo.set(nameOf({ topic, partition }), { topic, partition, next: BigInt(lastOffset) + 1n });
    },
    /**
     * For how long the next fetch is to be put off, in milliseconds: under load, so that it brings more; 0 when little comes.
     * It is a multiple of the last handling, so it grows with what a batch costs on this machine, under this load.
     */
    fetchPauseMs: () =>
      lastHandling.records < LOADED_RECORDS
        ? 0
        : Math.min(MAX_FETCH_PAUSE_MS, PAUSE_PER_HANDLING * lastHandling.tookMs),
    isEmpty: () => waiting.length === 0,
    deferred: (): DeferredState => deferred.state(),
    /** Resolves as soon as nothing waits any more, or after `ms`. */
    async untilEmptyOr(ms: number): Promise<void> {
      if (waiting.length > 0) await Promise.race([taken.promise, clock.sleep(ms, closing.signal)]);
    },
    /** Forgets what waits, what is deferred and what is not committed: the group was joined again, and fetching starts at its committed offsets. */
    startOver(): void {
      generation += 1;
      waiting = [];
      deferred.clear();
      ends = new Map();
      committed = new Map();
      queuedTo = new Map();
      skippedTo = new Map();
    },
    /**
     * Has the offsets handled since the last time committed, of each partition up to its first deferred record; if `commit` throws, they are committed the next time.
     * @throws what `commit` throws
     */
    async commitHandled(commit: (offsets: readonly HandledOffset[]) => Promise<void>): Promise<void> {
      const commitGeneration = generation;
      const lowest = deferred.lowestOffsets(nameOf);
      const due = new Map<string, PartitionEnd>();
      for (const [name, end] of endsWithSkipped()) {
        const firstDeferred = lowest.get(name);
        const next = firstDeferred !== undefined && firstDeferred < end.next ? firstDeferred : end.next;
        if (next > (committed.get(name) ?? -1n)) due.set(name, { ...end, next });
      }
      if (due.size === 0) return;
      await commit([...due.values()].map(({ next, ...at }) => ({ ...at, next: next.toString() })));
      if (commitGeneration !== generation) return;
      for (const [name, { next }] of due) committed.set(name, next);
    },
    /** Lets the in-flight batch finish and drops what waits behind it and what is deferred: both come again. Waiting for an absent database is given up. */
    async close(): Promise<void> {
      isClosed = true;
      waiting = [];
      const inFlight = pumping;
      if (inFlight) await Promise.race([inFlight, clock.sleep(CLOSE_TIMEOUT_MS)]);
      closing.abort();
      await inFlight;
    },
  };
}
