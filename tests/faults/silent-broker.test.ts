import { afterAll, beforeAll, expect, test } from "bun:test";
import { freePort } from "@shop/local/free-port";
import { dataFolder } from "@shop/local/infrastructure";
import { type KafkaProcess, startKafka } from "@shop/local/kafka";
import type { RunFolder } from "@shop/local/run-folder";
import type { Broker } from "@shop/messaging/broker";
import { createKafkaBroker } from "@shop/messaging/kafka/kafka-broker";
import { systemClock } from "@shop/runtime/clock";
import { createMetrics } from "@shop/runtime/metrics";
import { capturedLogger } from "@shop/testing/logger";
import { eventually } from "@shop/testing/eventually";
import { join } from "node:path";
import { type KafkaLink, openKafkaLink } from "../chaos/stage/kafka-link.ts";

let folder: RunFolder;
let kafka: KafkaProcess;
let link: KafkaLink;
let broker: Broker;

beforeAll(async () => {
  folder = await dataFolder();
  const listener = { port: await freePort(), advertisedPort: await freePort() };
  kafka = await startKafka({
    ...{ dataDir: join(folder.path, "kafka"), environment: process.env, extraListeners: [listener] },
  });
  link = await openKafkaLink(listener.advertisedPort, () => [listener.port]);
  broker = createKafkaBroker({
    ...{ brokers: [`127.0.0.1:${link.port}`], clientId: "silent", prefix: "", partitions: 2, replicationFactor: 1 },
    ...{ clock: systemClock, logger: capturedLogger().logger, metrics: createMetrics() },
  });
}, 60_000);
afterAll(async () => {
  await broker.close();
  await link.close();
  await kafka.stop();
  await folder.remove();
});

/** Every connection over which something passes while `work` goes on is dead from then on, and neither side is told. */
async function silenceDuring(work: () => Promise<unknown>): Promise<void> {
  let count = 0;
  link.watchFrames((connection) => {
    connection.silence();
    count += 1;
    return "drop";
  });
  await work();
  link.watchFrames(undefined);
  expect(count).toBeGreaterThan(0);
}

const publish = (value: string) =>
  eventually(() => broker.publish([{ topic: "product.commands", key: "k", value }]), { deadlineMs: 60_000 });

test("a consumer whose connection has died without anybody saying so consumes again within 25 s", async () => {
  const heard: string[] = [];
  const subscription = broker.subscribe({
    ...{ groupId: "silent", topics: ["product.commands"] as const },
    handle: (records) => {
      heard.push(...records.map(({ value }) => new TextDecoder().decode(value ?? undefined)));
      return Promise.resolve();
    },
  });
  await publish("before");
  await eventually(() => expect(heard).toEqual(["before"]), { deadlineMs: 30_000 });
  await silenceDuring(() => Bun.sleep(1_000));
  await publish("after");
  await eventually(() => expect(heard).toContain("after"), { deadlineMs: 25_000, pauseMs: 100 });
  await subscription.stop();
}, 120_000);

test("a publication over such a connection is over after 10 s, and the next one goes over a new one", async () => {
  await publish("before");
  const startedAt = performance.now();
  let failure: unknown;
  await silenceDuring(async () => {
    const records = [{ topic: "product.commands", key: "k", value: "lost" }] as const;
    failure = await broker.publish(records).then(
      () => undefined,
      (error: unknown) => error,
    );
  });
  expect(failure).toBeInstanceOf(Error);
  expect(performance.now() - startedAt).toBeLessThan(15_000);
  await publish("after");
  expect(performance.now() - startedAt).toBeLessThan(20_000);
}, 120_000);
