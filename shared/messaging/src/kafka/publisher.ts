import { CLOUD_EVENT_CONTENT_TYPE } from "@shop/contracts/messages/cloud-event";
import { ExplainedError } from "@shop/runtime/errors";
import type { ICustomPartitioner, Kafka, Message, Producer, RecordMetadata } from "kafkajs";
import type { Acknowledgement, RecordToPublish } from "../broker.ts";
import type { Naming } from "./naming.ts";
import { byKey } from "./client/partitioner.ts";

interface PublisherOptions {
  readonly kafka: Kafka;
  readonly naming: Naming;
  readonly ensureTopics: () => Promise<void>;
}

const ALL_IN_SYNC_REPLICAS = -1;
const HEADERS = { "content-type": CLOUD_EVENT_CONTENT_TYPE };

/**
 * One producer, made anew after any failure. It tries nothing twice by itself, and so is none of kafkajs' idempotent ones, which insist on
 * it: before the second try the broker is asked whether it still has what it acknowledged. At worst a record is published twice.
 */
export function createPublisher({ kafka, naming, ensureTopics }: PublisherOptions) {
  let producer: Producer | undefined;
  /** How many records of the publication in flight go to which partition. */
  let counts = new Map<string, number>();

  const byKeyAndCounting: ICustomPartitioner = () => {
    const partitionOf = byKey();
    return (record) => {
      const partition = partitionOf(record);
      const name = `${record.topic}:${partition}`;
      counts.set(name, (counts.get(name) ?? 0) + 1);
      return partition;
    };
  };

  function acknowledgement({ topicName, partition, baseOffset }: RecordMetadata): Acknowledgement {
    if (baseOffset === undefined)
      throw new ExplainedError(`the broker did not say where it put the records of ${topicName}`);
    const firstOffset = BigInt(baseOffset);
    const endOffset = firstOffset + BigInt(counts.get(`${topicName}:${partition}`) ?? 0);
    return { topic: naming.topicOf(topicName), partition, firstOffset, endOffset };
  }

  async function connected(): Promise<Producer> {
    if (producer) return producer;
    await ensureTopics();
    const fresh = kafka.producer({
      maxInFlightRequests: 1,
      allowAutoTopicCreation: false,
      createPartitioner: byKeyAndCounting,
      retry: { retries: 0 },
    });
    await fresh.connect();
    producer = fresh;
    return fresh;
  }

  async function close(): Promise<void> {
    const old = producer;
    producer = undefined;
    await old?.disconnect();
  }

  return {
    close,
    /** One caller at a time: the relay has one batch in flight. */
    async publish(records: readonly RecordToPublish[]): Promise<readonly Acknowledgement[]> {
      const byTopic = Map.groupBy(records, ({ topic }) => topic);
      const topicMessages = [...byTopic].map(([topic, members]) => ({
        topic: naming.topic(topic),
        messages: members.map(({ key, value }): Message => ({ key, value, headers: HEADERS })),
      }));
      const current = await connected();
      try {
        counts = new Map();
        const written = await current.sendBatch({ topicMessages, acks: ALL_IN_SYNC_REPLICAS });
        return written.map(acknowledgement);
      } catch (error) {
        await close();
        throw error;
      }
    },
  };
}
