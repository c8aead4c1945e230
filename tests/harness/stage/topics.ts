import { participants, type ServiceName, services, type Topic, topics } from "@shop/contracts/services";
import { readAllCompressions } from "@shop/messaging/kafka/client/codecs";
import { eventually } from "@shop/testing/eventually";
import type { Consumer, IHeaders, Kafka } from "kafkajs";

const readersOf = (topic: Topic): readonly ServiceName[] =>
  participants.filter((name) => (services[name].topics.reads as readonly Topic[]).includes(topic));

/** Who reads which topic. */
export const readers: Readonly<Record<Topic, readonly ServiceName[]>> = {
  "order.events": readersOf("order.events"),
  "order.commands": readersOf("order.commands"),
  "product.events": readersOf("product.events"),
  "product.commands": readersOf("product.commands"),
  "product.requests": readersOf("product.requests"),
  "delivery.events": readersOf("delivery.events"),
  "delivery.commands": readersOf("delivery.commands"),
};

export interface TopicRecord {
  readonly topic: string;
  readonly partition: number;
  readonly offset: string;
  readonly key: string | null;
  /** Of its CloudEvent; null when it is none. */
  readonly messageId: string | null;
  readonly type: string | null;
}

/** A record with all that it takes to send it again. */
export interface WholeRecord extends TopicRecord {
  readonly value: Buffer | null;
  readonly headers: IHeaders | undefined;
}

/** Follows topics from now on, or from their beginning, without committing anything. */
export async function follow(
  client: Kafka,
  names: readonly string[],
  fromBeginning: boolean,
  hear: (record: WholeRecord) => Promise<void> | void,
): Promise<Consumer> {
  // The broker may store them in whatever way.
  readAllCompressions();
  const consumer = client.consumer({
    groupId: `harness-${crypto.randomUUID()}`,
    maxBytesPerPartition: 8 * 1024 * 1024,
  });
  const joined = new Promise((resolve) => consumer.on(consumer.events.GROUP_JOIN, resolve));
  await consumer.connect();
  await consumer.subscribe({ topics: [...names], fromBeginning });
  await consumer.run({
    autoCommit: false,
    eachMessage: async ({ topic, partition, message: { offset, key, value, headers } }) => {
      await hear({ topic, partition, offset, key: key?.toString() ?? null, value, headers, ...envelopeOf(value) });
    },
  });
  await joined;
  return consumer;
}

/** Every record of these topics so far. */
export async function readTopics(client: Kafka, names: readonly string[]): Promise<readonly TopicRecord[]> {
  const admin = client.admin();
  await admin.connect();
  const missing = new Set<string>();
  for (const topic of names) {
    for (const { partition, low, high } of await admin.fetchTopicOffsets(topic))
      if (BigInt(high) > BigInt(low)) missing.add(`${topic}:${partition}:${BigInt(high) - 1n}`);
  }
  await admin.disconnect();
  const records: TopicRecord[] = [];
  const consumer = await follow(client, names, true, ({ value: _value, headers: _headers, ...record }) => {
    records.push(record);
    missing.delete(`${record.topic}:${record.partition}:${record.offset}`);
  });
  try {
    await eventually(
      () => {
        if (missing.size > 0) throw new Error(`the ends of ${[...missing].join(", ")} were not read`);
      },
      { deadlineMs: 60_000, pauseMs: 100 },
    );
  } finally {
    await consumer.disconnect();
  }
  return records;
}

/** How many records the services have not handled yet. */
export async function lagOf(client: Kafka): Promise<number> {
  const admin = client.admin();
  await admin.connect();
  try {
    const ends = new Map<string, bigint>();
    for (const topic of topics) {
      for (const { partition, high } of await admin.fetchTopicOffsets(topic))
        ends.set(`${topic}:${partition}`, BigInt(high));
    }
    let lag = 0n;
    for (const groupId of new Set(Object.values(readers).flat())) {
      const mine = topics.filter((topic) => readers[topic].includes(groupId));
      for (const { topic, partitions } of await admin.fetchOffsets({ groupId, topics: [...mine] })) {
        for (const { partition, offset } of partitions) {
          const committed = BigInt(offset) < 0n ? 0n : BigInt(offset);
          lag += (ends.get(`${topic}:${partition}`) ?? 0n) - committed;
        }
      }
    }
    return Number(lag);
  } finally {
    await admin.disconnect();
  }
}

/** What a record says of itself, if it is one of the system's messages. */
export function envelopeOf(value: Buffer | null): { messageId: string | null; type: string | null } {
  const none = { messageId: null, type: null };
  if (value === null) return none;
  try {
    const event: unknown = JSON.parse(value.toString());
    if (typeof event !== "object" || event === null || !("id" in event) || !("type" in event)) return none;
    return { messageId: String(event.id), type: String(event.type) };
  } catch (error) {
    if (error instanceof SyntaxError) return none;
    throw error;
  }
}
