import { type Topic, topics } from "@shop/contracts/services";
import type { Clock } from "@shop/runtime/clock";
import type { Logger } from "@shop/runtime/logger";
import type { Metrics } from "@shop/runtime/metrics";
import { Kafka } from "kafkajs";
import type { Broker, PartitionEnd } from "../broker.ts";
import { createAdminConnection } from "./client/admin-connection.ts";
import { readAllCompressions } from "./client/codecs.ts";
import { clientSecurity, type KafkaSecurity } from "./client/security.ts";
import { readLag } from "./lag.ts";
import { prefixed } from "./naming.ts";
import { clientIdOf, type Instance, removeDeadMembers } from "./consumer/dead-members.ts";
import { createPublisher } from "./publisher.ts";
import { kafkaLogCreator } from "./client/silent-logger.ts";
import { CONNECT_WITHIN_MS, createSockets } from "./client/sockets.ts";
import { createSubscription } from "./consumer/subscription.ts";

export interface KafkaBrokerOptions {
  readonly brokers: readonly string[];
  readonly security?: KafkaSecurity;
  readonly clientId: string;
  /** This process among the replicas of its service: with it, members that a killed process left behind in a group are taken out of it. */
  readonly instance?: Instance;
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
  const { brokers, security = {}, clientId, instance, prefix, partitions, replicationFactor } = options;
  const { clock, logger, metrics } = options;
  readAllCompressions();
  const sockets = createSockets({ clock, logger });
  const kafka = new Kafka({
    brokers: [...brokers],
    ...clientSecurity(security),
    clientId: instance === undefined ? clientId : clientIdOf(clientId, instance),
    socketFactory: sockets.open,
    // What comes after the connection, such as TLS, has as long again.
    connectionTimeout: 2 * CONNECT_WITHIN_MS,
    requestTimeout: 10_000,
    // Short: anyone who uses the client has a loop of its own, which continues for as long as the broker is unavailable.
    retry: { retries: 3, initialRetryTime: 100, maxRetryTime: 1_000 },
    logCreator: kafkaLogCreator(logger),
  });
  const naming = prefixed(prefix);

  const admin = createAdminConnection(kafka);

  /** Creates the topics that are missing. kafkajs refuses to subscribe to a missing one, and Kafka's data may have been lost. */
  async function createMissingTopics(): Promise<void> {
    await admin.ask(async (client) => {
      const existing = new Set(await client.listTopics());
      const missing = topics.map(naming.topic).filter((topic) => !existing.has(topic));
      if (missing.length === 0) return;
      await client.createTopics({
        waitForLeaders: true,
        topics: missing.map((topic) => ({ topic, numPartitions: partitions, replicationFactor })),
      });
    });
  }

  let ensuring: Promise<void> | undefined;
  /** All that need the topics wait for one creation: a second one at the same time would not wait for the partitions' leaders. */
  function ensureTopics(): Promise<void> {
    ensuring ??= createMissingTopics().finally(() => {
      ensuring = undefined;
    });
    return ensuring;
  }

  async function endOffsets(wanted: readonly Topic[]): Promise<readonly PartitionEnd[]> {
    await ensureTopics();
    return admin.ask(async (client) => {
      const ends: PartitionEnd[] = [];
      for (const topic of wanted) {
        for (const { partition, high } of await client.fetchTopicOffsets(naming.topic(topic)))
          ends.push({ topic, partition, endOffset: BigInt(high) });
      }
      return ends;
    });
  }

  const publisher = createPublisher({ kafka, naming, ensureTopics });
  return {
    publish: publisher.publish,
    subscribe: (subscription) =>
      createSubscription({
        ...{ kafka, naming, ensureTopics, clock, logger, metrics, ...subscription },
        beforeJoin: async (groupId) => {
          if (instance) await removeDeadMembers(kafka, { service: clientId, instance, groupId }, logger);
        },
      }),
    lag: (group) => admin.ask((client) => readLag(client, naming, group)),
    endOffsets,
    async ping() {
      await admin.ask((client) => client.describeCluster());
    },
    async close() {
      await publisher.close();
      await admin.close();
      sockets.close();
    },
  };
}
