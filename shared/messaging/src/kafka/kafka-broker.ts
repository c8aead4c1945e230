import { topics } from "@shop/contracts/messages/define";
import type { Clock } from "@shop/runtime/clock";
import type { Logger } from "@shop/runtime/logger";
import type { Metrics } from "@shop/runtime/metrics";
import { Kafka } from "kafkajs";
import type { Broker } from "../broker.ts";
import { prefixed } from "./naming.ts";
import { createPublisher } from "./publisher.ts";
import { kafkaLogCreator } from "./silent-logger.ts";
import { createSubscription } from "./subscription.ts";

export interface KafkaBrokerOptions {
  readonly brokers: readonly string[];
  readonly clientId: string;
  /** Put before each topic's and group's name, so that several systems can share one Kafka; usually empty. */
  readonly prefix: string;
  readonly partitions: number;
  readonly replicationFactor: number;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: Metrics;
}

/** Apache Kafka through kafkajs. Nothing is connected before the first use. */
export function createKafkaBroker(options: KafkaBrokerOptions): Broker {
  const { brokers, clientId, prefix, partitions, replicationFactor, clock, logger, metrics } = options;
  const kafka = new Kafka({
    brokers: [...brokers],
    clientId,
    connectionTimeout: 2_000,
    requestTimeout: 10_000,
    // Short: whoever uses the client has a loop of its own, which goes on for as long as the broker is away.
    retry: { retries: 3, initialRetryTime: 100, maxRetryTime: 1_000 },
    logCreator: kafkaLogCreator(logger),
  });
  const naming = prefixed(prefix);

  /** Creates the topics that are missing. kafkajs refuses to subscribe to a missing one, and Kafka's data may have been lost. */
  async function ensureTopics(): Promise<void> {
    const admin = kafka.admin();
    await admin.connect();
    try {
      const existing = new Set(await admin.listTopics());
      const missing = topics.map(naming.topic).filter((topic) => !existing.has(topic));
      if (missing.length === 0) return;
      await admin.createTopics({
        waitForLeaders: true,
        topics: missing.map((topic) => ({ topic, numPartitions: partitions, replicationFactor })),
      });
    } finally {
      await admin.disconnect();
    }
  }

  const publisher = createPublisher({ kafka, naming, ensureTopics });
  return {
    publish: publisher.publish,
    subscribe: (subscription) =>
      createSubscription({ kafka, naming, ensureTopics, clock, logger, metrics, ...subscription }),
    async ping() {
      const admin = kafka.admin();
      await admin.connect();
      try {
        await admin.describeCluster();
      } finally {
        await admin.disconnect();
      }
    },
    close: publisher.close,
  };
}
