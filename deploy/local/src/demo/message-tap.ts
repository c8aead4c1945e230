import { messagesByType } from "@shop/contracts/messages/registry";
import { CloudEvent } from "@shop/contracts/messages/cloud-event";
import { topics } from "@shop/contracts/services";
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

interface TapOptions {
  readonly brokers: string;
  /** The services' `TOPIC_PREFIX`. */
  readonly prefix: string;
  readonly onMessage: (message: SeenMessage) => void;
}

/** Listens to all topics beside the services, in a group of its own, from now on. What is no message of ours is passed over. */
export async function tapMessages({ brokers, prefix, onMessage }: TapOptions): Promise<{ stop(): Promise<void> }> {
  const kafka = new Kafka({ brokers: brokers.split(","), clientId: "tap", logLevel: logLevel.NOTHING });
  const consumer = kafka.consumer({ groupId: `${prefix}tap-${crypto.randomUUID()}`, maxWaitTimeInMs: 100 });
  await consumer.connect();
  await consumer.subscribe({ topics: topics.map((topic) => prefix + topic), fromBeginning: false });
  // The first fetch has settled where "now" is.
  const listening = new Promise<void>((resolve) => consumer.on(consumer.events.FETCH, () => resolve()));
  await consumer.run({
    eachMessage: ({ topic, message }) => {
      const event = parse(message.value);
      if (event) {
        const { type, subject, time, data } = event;
        onMessage({
          ...{ type, topic: topic.slice(prefix.length), key: subject, writtenAt: Date.parse(time) },
          sender: messagesByType.get(type)?.sender ?? "?",
          data: data as SeenMessage["data"],
        });
      }
      return Promise.resolve();
    },
  });
  await listening;
  return { stop: () => consumer.disconnect() };
}

function parse(value: Buffer | null): CloudEvent | undefined {
  try {
    return CloudEvent.safeParse(JSON.parse(value?.toString() ?? "")).data;
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}
