import { kafkaClient } from "./kafka.ts";
import type { Message, ReferenceTopic } from "./message.ts";

/** At most this many messages share a transaction. */
const MESSAGES_A_BATCH = 1_000;
/** Fetching stops while this many messages wait. */
const MAX_WAITING = 2_000;
const COMMIT_EVERY_MS = 250;
const RETRY_MS = 200;

interface Offset {
  readonly topic: string;
  readonly partition: number;
  readonly offset: string;
}

/** A message, and with the last one of a fetch the offset that its handling makes safe to commit. */
interface Fetched {
  readonly message: Message;
  readonly commits: Offset | undefined;
}

interface ConsumerOptions {
  readonly group: string;
  readonly topics: readonly ReferenceTopic[];
  readonly kafkaBrokers: string;
  /** Gets messages once each per batch, in their order; what it throws is logged, and it is called again with the same messages. */
  readonly handle: (messages: readonly Message[]) => Promise<void>;
}

/** What a consumer has handled since its start. */
export interface ConsumerCounts {
  batches: number;
  records: number;
}

/**
 * Consumes topics at least once. Whatever has been fetched, of all partitions and topics, waits in one queue, and one handler call at a time takes all
 * of it: the longer a transaction takes, the more messages share the next one.
 * @returns when the consumer has joined its group
 */
export async function startConsumer({ group, topics, kafkaBrokers, handle }: ConsumerOptions): Promise<ConsumerCounts> {
  const counts: ConsumerCounts = { batches: 0, records: 0 };
  const consumer = kafkaClient(`reference-${group}`, kafkaBrokers).consumer({
    groupId: `reference-${group}`,
    maxWaitTimeInMs: 500,
    minBytes: 1,
    sessionTimeout: 6_000,
    rebalanceTimeout: 6_000,
    heartbeatInterval: 1_000,
  });
  const waiting: Fetched[] = [];
  const handled = new Map<string, Offset>();
  let isHandling = false;
  let isCommitting = false;
  let room = Promise.withResolvers<void>();

  async function handleWaiting(): Promise<void> {
    if (isHandling) return;
    isHandling = true;
    while (waiting.length > 0) {
      const batch = waiting.splice(0, MESSAGES_A_BATCH);
      await untilHandled(distinct(batch.map(({ message }) => message)));
      counts.batches += 1;
      counts.records += batch.length;
      for (const { commits } of batch) {
        if (commits !== undefined) handled.set(`${commits.topic} ${commits.partition}`, commits);
      }
      if (waiting.length < MAX_WAITING) {
        room.resolve();
        room = Promise.withResolvers();
      }
    }
    isHandling = false;
  }

  async function untilHandled(messages: readonly Message[]): Promise<void> {
    for (;;) {
      try {
        await handle(messages);
        return;
      } catch (error) {
        process.stderr.write(`handle: ${String(error)}\n`);
        await Bun.sleep(RETRY_MS);
      }
    }
  }

  async function commitHandled(): Promise<void> {
    if (isCommitting || handled.size === 0) return;
    isCommitting = true;
    const offsets = [...handled.values()];
    handled.clear();
    try {
      await consumer.commitOffsets(offsets);
    } catch (error) {
      // The next offsets of these partitions include these; until then a restart repeats messages, which the inbox knows.
      process.stderr.write(`commit offsets: ${String(error)}\n`);
    } finally {
      isCommitting = false;
    }
  }

  const joined = Promise.withResolvers<void>();
  consumer.on("consumer.group_join", () => joined.resolve());
  consumer.on("consumer.crash", ({ payload }) => {
    process.stderr.write(`the consumer has crashed: ${String(payload.error)}\n`);
    process.exit(1);
  });
  await consumer.connect();
  await consumer.subscribe({ topics: [...topics], fromBeginning: true });
  await consumer.run({
    autoCommit: false,
    partitionsConsumedConcurrently: 64,
    eachBatch: async ({ batch }) => {
      const { topic, partition, messages } = batch;
      const offset = (BigInt(batch.lastOffset()) + 1n).toString();
      for (const [index, { value }] of messages.entries()) {
        const message = JSON.parse(String(value)) as Message;
        waiting.push({ message, commits: index === messages.length - 1 ? { topic, partition, offset } : undefined });
      }
      queueMicrotask(() => void handleWaiting());
      if (waiting.length >= MAX_WAITING) await room.promise;
    },
  });
  setInterval(() => void commitHandled(), COMMIT_EVERY_MS);
  await joined.promise;
  return counts;
}

/** Each message once: one may be delivered twice within a batch, where the inbox cannot tell the two apart. */
function distinct(messages: readonly Message[]): readonly Message[] {
  const byId = new Map(messages.map((message) => [message.id, message]));
  return byId.size === messages.length ? messages : [...byId.values()];
}
