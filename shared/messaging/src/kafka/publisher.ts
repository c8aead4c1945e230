import { CLOUD_EVENT_CONTENT_TYPE } from "@shop/contracts/messages/cloud-event";
import type { Kafka, Message, Producer } from "kafkajs";
import type { RecordToPublish } from "../broker.ts";
import type { Naming } from "./naming.ts";
import { byKey } from "./partitioner.ts";

interface PublisherOptions {
  readonly kafka: Kafka;
  readonly naming: Naming;
  readonly ensureTopics: () => Promise<void>;
}

const ALL_IN_SYNC_REPLICAS = -1;
const HEADERS = { "content-type": CLOUD_EVENT_CONTENT_TYPE };

/**
 * One producer, made anew after any failure: kafkajs cannot be asked whether an idempotent producer's sequence numbers are still good,
 * and a fresh producer can at worst publish a record twice.
 */
export function createPublisher({ kafka, naming, ensureTopics }: PublisherOptions) {
  let producer: Producer | undefined;

  async function connected(): Promise<Producer> {
    if (producer) return producer;
    await ensureTopics();
    const fresh = kafka.producer({
      idempotent: true,
      maxInFlightRequests: 1,
      allowAutoTopicCreation: false,
      createPartitioner: byKey,
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
    async publish(records: readonly RecordToPublish[]): Promise<void> {
      const byTopic = Map.groupBy(records, ({ topic }) => topic);
      const topicMessages = [...byTopic].map(([topic, members]) => ({
        topic: naming.topic(topic),
        messages: members.map(({ key, value }): Message => ({ key, value, headers: HEADERS })),
      }));
      const current = await connected();
      try {
        await current.sendBatch({ topicMessages, acks: ALL_IN_SYNC_REPLICAS });
      } catch (error) {
        await close();
        throw error;
      }
    },
  };
}
