import { messagesByType } from "@shop/contracts/messages/catalog";
import { CloudEvent } from "@shop/contracts/messages/cloud-event";
import { topics } from "@shop/contracts/messages/define";
import { Kafka, logLevel } from "kafkajs";

/** A message of the saga, as it was seen on its topic. */
export interface SeenMessage {
  readonly type: string;
  readonly topic: string;
  readonly sender: string;
  readonly key: string;
  /** When it was written, in milliseconds since the epoch. */
  readonly writtenAt: number;
  readonly data: Readonly<Record<string, unknown>>;
}

/** Listens to all topics beside the services, in a group of its own. */
export async function tapMessages(
  brokers: string,
  onMessage: (message: SeenMessage) => void,
): Promise<{ stop(): Promise<void> }> {
  const kafka = new Kafka({ brokers: brokers.split(","), clientId: "tap", logLevel: logLevel.NOTHING });
  const consumer = kafka.consumer({ groupId: `tap-${crypto.randomUUID()}`, maxWaitTimeInMs: 100 });
  await consumer.connect();
  await consumer.subscribe({ topics: [...topics], fromBeginning: true });
  const joined = new Promise<void>((resolve) => consumer.on(consumer.events.GROUP_JOIN, () => resolve()));
  await consumer.run({
    eachMessage: ({ topic, message }) => {
      const { type, subject, time, data } = CloudEvent.parse(JSON.parse(message.value?.toString() ?? ""));
      onMessage({
        ...{ type, topic, key: subject, writtenAt: Date.parse(time) },
        sender: messagesByType.get(type)?.sender ?? "?",
        data: data as SeenMessage["data"],
      });
      return Promise.resolve();
    },
  });
  await joined;
  return { stop: () => consumer.disconnect() };
}
