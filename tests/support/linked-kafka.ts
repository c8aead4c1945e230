import { join } from "node:path";
import { freePort } from "@shop/local/free-port";
import { dataFolder } from "@shop/local/infrastructure";
import { startKafka } from "@shop/local/kafka";
import type { Broker } from "@shop/messaging/broker";
import { createKafkaBroker } from "@shop/messaging/kafka/kafka-broker";
import { systemClock } from "@shop/runtime/clock";
import { createMetrics } from "@shop/runtime/metrics";
import { capturedLogger } from "@shop/testing/logger";
import { type KafkaLink, openKafkaLink } from "../harness/stage/kafka-link.ts";

/** A Kafka of its own, of topics with two partitions, and a way to it on which what passes is seen and can be lost. */
export interface LinkedKafka {
  /** The address past the link. */
  readonly brokers: string;
  readonly link: KafkaLink;
  readonly overLink: Broker;
  readonly pastLink: Broker;
  stop(): Promise<void>;
}

export async function startLinkedKafka(): Promise<LinkedKafka> {
  const folder = await dataFolder();
  const listener = { port: await freePort(), advertisedPort: await freePort() };
  const kafka = await startKafka({
    ...{ dataDir: join(folder.path, "kafka"), environment: process.env, extraListeners: [listener] },
  });
  const link = await openKafkaLink(listener.advertisedPort, () => [listener.port]);
  const connect = (brokers: string) =>
    createKafkaBroker({
      ...{ brokers: [brokers], clientId: "linked", prefix: "", partitions: 2, replicationFactor: 1 },
      ...{ clock: systemClock, logger: capturedLogger().logger, metrics: createMetrics() },
    });
  const [overLink, pastLink] = [connect(`127.0.0.1:${link.port}`), connect(kafka.brokers)];
  return {
    ...{ brokers: kafka.brokers, link, overLink, pastLink },
    async stop() {
      await overLink.close();
      await pastLink.close();
      await link.close();
      await kafka.stop();
      await folder.remove();
    },
  };
}
