import type { Topic } from "@shop/contracts/services";
import { backoffMs } from "@shop/runtime/backoff";
import type { Clock } from "@shop/runtime/clock";
import { ExplainedError } from "@shop/runtime/errors";
import type { Logger } from "@shop/runtime/logger";
import type { Metrics } from "@shop/runtime/metrics";
import type { Consumer, EachBatchPayload, Kafka } from "kafkajs";
import type { BrokerRecord, SubscribeOptions, Subscription } from "../../broker.ts";
import type { Naming } from "../naming.ts";
import { createWorkQueue, type WorkQueue } from "./work-queue.ts";

interface SubscriptionOptions extends SubscribeOptions {
  readonly kafka: Kafka;
  readonly naming: Naming;
  readonly ensureTopics: () => Promise<void>;
  /** Called with the group's name before each consumer joins it, when the one before it is no more. */
  readonly beforeJoin: (groupId: string) => Promise<void>;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: Metrics;
}

/**
 * Commits as the member of the group's present generation, which the broker checks, or throws. `consumer.commitOffsets` would try again by itself,
 * after the group was joined again too: with what had been handled before, of partitions that others read by then, whose commits it reverted.
 */
type CommitOnce = EachBatchPayload["commitOffsetsIfNecessary"];

/** A dead member holds its partitions for this long, in milliseconds. kafkajs' default of 30 s is how long an order would wait. */
const SESSION_TIMEOUT_MS = 6_000;
const HEARTBEAT_INTERVAL_MS = 1_000;
/** A fetch with nothing to bring returns after this long; heartbeats are sent between fetches. */
const FETCH_WAIT_MS = 500;
const COMMIT_INTERVAL_MS = 300;
const WATCH_INTERVAL_MS = 1_000;
/**
 * A member that has not come back from a fetch for this long, in milliseconds, with nothing in flight, is stuck, or its connection is dead and nobody
 * says so: it is made again. kafkajs would try the same connection four times, for 5.5 s each.
 */
const SILENT_MS = 8_000;
/** The same for one that is joining its group, which waits for the other members: for a dead one as long as its session lasts. */
const JOINING_MS = 20_000;
const REBUILD_BACKOFF = { firstMs: 200, maxMs: 2_000 };
const MAX_PARTITIONS_AT_ONCE = 1_000;
const DISCONNECT_TIMEOUT_MS = 3_000;
/** How soon a partition whose next batch cannot be unpacked is read again, in milliseconds. */
const LOOK_AGAIN_MS = 5_000;

/**
 * A member of a consumer group that stays one. kafkajs ends a consumer for good on some errors, restarts it on others and can go silent
 * while its heartbeats go on; here each end, and each silence, leads to a new consumer.
 *
 * Fetching and handling overlap: a fetch's batches are queued, one handler call at a time takes all that waits. kafkajs is told that a
 * batch is resolved when it is queued, so that it fetches on; only what has been handled is committed, every 300 ms. After a rebalance
 * everything since the last commit is fetched again, which the inbox absorbs.
 */
export function createSubscription(options: SubscriptionOptions): Subscription {
  const { kafka, naming, ensureTopics, beforeJoin, groupId, topics, handle, clock, logger, metrics } = options;
  const stopping = new AbortController();
  let healthy = false;
  let queue: WorkQueue | undefined;
  metrics.gauge(
    {
      name: "messages_deferred",
      help: "Messages that wait for a lock which another transaction holds, with the later ones of their keys",
    },
    () => queue?.deferred().records ?? 0,
  );
  metrics.gauge(
    {
      name: "messages_deferred_oldest_seconds",
      help: "How long the message that waits longest for a lock has done so",
    },
    () => queue?.deferred().oldestSeconds ?? 0,
  );
  const rebuilt = metrics.counter({
    name: "consumer_rebuilt_total",
    help: "Times that the Kafka consumer ended and another one took its place",
  });
  /** Partitions, by name, whose next batch cannot be unpacked, such as `order.events:3`. */
  const unreadable = new Set<string>();
  metrics.gauge(
    {
      name: "consumer_unreadable_partitions",
      help: "Partitions that stand still because their next batch of records cannot be unpacked",
    },
    () => unreadable.size,
  );
  const done = run();

  async function run(): Promise<void> {
    for (let attempt = 1; !stopping.signal.aborted; attempt += 1) {
      const startedAt = clock.elapsed();
      try {
        await consumeUntilBroken();
      } catch (error) {
        if (clock.elapsed() - startedAt > JOINING_MS) attempt = 1;
        // A broker that is unavailable for long ends one after the other; what ended the first is the news.
        if (attempt === 1 || attempt % 10 === 0) {
          logger.warn("CONSUMER_REPLACED", "the Kafka consumer ended and is replaced", { groupId, attempt, error });
        }
      }
      healthy = false;
      rebuilt.inc({});
      if (!stopping.signal.aborted) await clock.sleep(backoffMs(REBUILD_BACKOFF, attempt), stopping.signal);
    }
  }

  /** The life of one consumer. Resolves when the subscription is stopped, rejects with what ended the consumer. */
  async function consumeUntilBroken(): Promise<void> {
    await ensureTopics();
    await beforeJoin(naming.group(groupId));
    const consumer = kafka.consumer({
      groupId: naming.group(groupId),
      sessionTimeout: SESSION_TIMEOUT_MS,
      rebalanceTimeout: SESSION_TIMEOUT_MS,
      heartbeatInterval: HEARTBEAT_INTERVAL_MS,
      maxWaitTimeInMs: FETCH_WAIT_MS,
      allowAutoTopicCreation: false,
      // Ours are in no transaction. One of another producer that stays open would keep what stands behind it from us.
      readUncommitted: true,
      retry: { retries: 3, initialRetryTime: 100, maxRetryTime: 1_000, restartOnFailure: () => Promise.resolve(false) },
    });
    const work = createWorkQueue({ handle, clock, logger, metrics });
    queue = work;
    let lastSignAt = clock.elapsed();
    let timeoutMs = JOINING_MS;
    // What ends it is handed over as a value: it may come while the group is still being joined, before anybody waits for it.
    const ended = Promise.withResolvers<Error | undefined>();
    const end = () => ended.resolve(undefined);
    consumer.on(consumer.events.CRASH, ({ payload }) => ended.resolve(payload.error));
    consumer.on(consumer.events.FETCH, () => {
      lastSignAt = clock.elapsed();
    });
    consumer.on(consumer.events.END_BATCH_PROCESS, ({ payload }) => {
      const { topic, partition, batchSize, lastOffset, undecodable } = payload;
      if (undecodable) noteUnreadable(consumer, { topic, partition }, undecodable);
      else {
        noteReadable({ topic, partition });
        if (batchSize === 0) work.passOver(naming.topicOf(topic), partition, lastOffset);
      }
    });
    consumer.on(consumer.events.REBALANCING, () => {
      lastSignAt = clock.elapsed();
      timeoutMs = JOINING_MS;
    });
    consumer.on(consumer.events.GROUP_JOIN, ({ payload }) => {
      work.startOver();
      unreadable.clear();
      lastSignAt = clock.elapsed();
      timeoutMs = SILENT_MS;
      healthy = true;
      logger.info("CONSUMER_JOINED", "joined the consumer group", { groupId, partitions: payload.memberAssignment });
    });
    const watch = setInterval(() => {
      // While the handlers are behind nothing is fetched.
      if (!work.isEmpty()) lastSignAt = clock.elapsed();
      const silentForMs = clock.elapsed() - lastSignAt;
      if (silentForMs > timeoutMs) ended.resolve(new ExplainedError(`no fetch came back for ${silentForMs} ms`));
    }, WATCH_INTERVAL_MS);
    // One after the other: a commit that is late must not revert the one behind it.
    let committed = Promise.resolve();
    let commitOnce: CommitOnce | undefined;
    /** Settled when the next fetch may begin: all partitions of a fetch wait together. */
    let taking: Promise<void> | undefined;
    const commitNext = () => (committed = committed.then(() => commitHandled(commitOnce, work)));
    const commit = setInterval(() => void commitNext(), COMMIT_INTERVAL_MS);
    if (stopping.signal.aborted) end();
    stopping.signal.addEventListener("abort", end);
    try {
      await consumer.connect();
      await consumer.subscribe({ topics: topics.map(naming.topic), fromBeginning: true });
      await consumer.run({
        autoCommit: false,
        eachBatchAutoResolve: false,
        // All batches of a fetch are queued at once.
        partitionsConsumedConcurrently: MAX_PARTITIONS_AT_ONCE,
        async eachBatch(payload) {
          commitOnce = payload.commitOffsetsIfNecessary;
          if (!goesOn(payload)) return;
          enqueue(payload, work);
          taking ??= untilTaken(payload, work).finally(() => {
            taking = undefined;
          });
          await taking;
        },
      });
      const error = await ended.promise;
      if (error) throw error;
    } finally {
      stopping.signal.removeEventListener("abort", end);
      clearInterval(watch);
      clearInterval(commit);
      await work.close();
      await within(DISCONNECT_TIMEOUT_MS, commitNext());
      queue = undefined;
      unreadable.clear();
      await disconnect(consumer);
    }
  }

  function enqueue({ batch, resolveOffset }: EachBatchPayload, work: WorkQueue): void {
    const topic: Topic = naming.topicOf(batch.topic);
    work.add(
      batch.messages.map(({ key, value, offset, headers }): BrokerRecord => ({
        topic,
        partition: batch.partition,
        offset,
        key: key?.toString() ?? null,
        value,
        headers: textHeaders(headers),
      })),
    );
    work.passOver(topic, batch.partition, batch.lastOffset());
    resolveOffset(batch.lastOffset());
  }

  const goesOn = ({ isRunning, isStale }: EachBatchPayload) => isRunning() && !isStale() && !stopping.signal.aborted;

  /**
   * Resolves when the handler has taken what is queued and the fetch pause is over: the next fetch runs beside the handler, and what
   * it brings has grown by the time the handler is free. Fetching any sooner only cuts the same messages into smaller transactions.
   */
  async function untilTaken(payload: EachBatchPayload, work: WorkQueue): Promise<void> {
    while (!work.isEmpty() && goesOn(payload)) {
      await payload.heartbeat();
      await work.untilEmptyOr(HEARTBEAT_INTERVAL_MS / 2);
    }
    const pauseMs = work.fetchPauseMs();
    if (pauseMs > 0) await clock.sleep(pauseMs, stopping.signal);
  }

  /** Kafkajs has paused the partition; the others continue. It is looked at again after a while. */
  function noteUnreadable(
    consumer: Consumer,
    at: { readonly topic: string; readonly partition: number },
    { offset, error }: { readonly offset: string; readonly error: Error },
  ): void {
    const name = `${at.topic}:${at.partition}`;
    if (!unreadable.has(name)) {
      unreadable.add(name);
      logger.error(
        "PARTITION_UNREADABLE",
        "a record batch cannot be decompressed: its partition is paused, the others continue",
        {
          ...{ groupId, ...at, offset, error },
        },
      );
    }
    void clock.sleep(LOOK_AGAIN_MS, stopping.signal).then(() => {
      if (unreadable.has(name)) consumer.resume([{ topic: at.topic, partitions: [at.partition] }]);
    });
  }

  function noteReadable({ topic, partition }: { readonly topic: string; readonly partition: number }): void {
    if (unreadable.delete(`${topic}:${partition}`))
      logger.info("PARTITION_RESUMED", "a paused partition can be read again", { groupId, topic, partition });
  }

  async function commitHandled(commitOnce: CommitOnce | undefined, work: WorkQueue): Promise<void> {
    try {
      await work.commitHandled(async (offsets) => {
        const byTopic = Map.groupBy(offsets, ({ topic }) => naming.topic(topic));
        await commitOnce?.({
          topics: [...byTopic].map(([topic, of]) => ({
            topic,
            partitions: of.map(({ partition, next }) => ({ partition, offset: next })),
          })),
        });
      });
    } catch (error) {
      // Nothing is lost: what has been handled and not committed is delivered again and found in the inbox.
      logger.debug("OFFSET_COMMIT_FAILED", "offsets could not be committed", { groupId, error });
    }
  }

  /** Waits for what a dead connection may never answer, for a while. */
  async function within(ms: number, work: Promise<unknown>): Promise<void> {
    await Promise.race([work, clock.sleep(ms)]);
  }

  async function disconnect(consumer: Consumer): Promise<void> {
    try {
      await within(DISCONNECT_TIMEOUT_MS, consumer.disconnect());
    } catch (error) {
      logger.debug("CONSUMER_DISCONNECT_FAILED", "the consumer did not disconnect cleanly", { groupId, error });
    }
  }

  return {
    isHealthy: () => healthy,
    async stop() {
      stopping.abort();
      await done;
    },
  };
}

function textHeaders(headers: EachBatchPayload["batch"]["messages"][number]["headers"]): Record<string, string> {
  const result: Record<string, string> = {};
  for (const [name, value] of Object.entries(headers ?? {})) {
    result[name] = Array.isArray(value) ? value.join(", ") : String(value);
  }
  return result;
}
