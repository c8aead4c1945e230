import { afterAll, beforeAll, expect, test } from "bun:test";
import { join } from "node:path";
import { Kafka, logLevel } from "kafkajs";
import { dataFolder } from "./infrastructure.ts";
import { type LocalKafka, newClusterId, startKafka, whyNoLocalKafka } from "./kafka.ts";
import { whyNotReady } from "./kafka-readiness.ts";
import type { RunFolder } from "./run-folder.ts";

let folder: RunFolder;
let broker: LocalKafka;
beforeAll(async () => {
  folder = await dataFolder();
  broker = await startKafka({ dataDir: join(folder.path, "kafka"), environment: process.env });
}, 120_000);
afterAll(async () => {
  await broker.stop();
  await folder.remove();
});

function client(): Kafka {
  return new Kafka({ clientId: "test", brokers: [broker.brokers], logLevel: logLevel.NOTHING });
}

async function produce(topic: string, values: readonly string[]): Promise<void> {
  const producer = client().producer();
  await producer.connect();
  await producer.send({ topic, acks: -1, messages: values.map((value) => ({ value })) });
  await producer.disconnect();
}

async function consume(topic: string, count: number): Promise<readonly string[]> {
  const consumer = client().consumer({ groupId: `readers-of-${topic}` });
  await consumer.connect();
  await consumer.subscribe({ topic, fromBeginning: true });
  const values: string[] = [];
  await new Promise<void>((resolve, reject) => {
    consumer
      .run({
        eachMessage: async ({ message }) => {
          values.push(String(message.value));
          if (values.length === count) resolve();
        },
      })
      .catch(reject);
  });
  await consumer.disconnect();
  return values;
}

test("acknowledged messages are there after a kill and a restart, at the same address", async () => {
  const admin = client().admin();
  await admin.connect();
  await admin.createTopics({ waitForLeaders: true, topics: [{ topic: "kept", numPartitions: 1 }] });
  await admin.disconnect();
  const values = Array.from({ length: 100 }, (_, index) => `message ${index}`);
  await produce("kept", values);
  await broker.kill();
  expect(await whyNotReady(broker.brokers)).toBeDefined();
  await broker.restart();
  expect(await consume("kept", values.length)).toEqual(values);
}, 120_000);

test("what is missing on this machine is said in words", async () => {
  const bare = { PATH: "/nonexistent", HOME: "/nonexistent" };
  expect(await whyNoLocalKafka(bare)).toBe("Java 17 or newer was not found and Maven (mvn) was not found");
});

test("a cluster id is never mistaken for an option of the tool that is given it", () => {
  for (let round = 0; round < 1_000; round += 1) expect(newClusterId()).toMatch(/^[A-Za-z0-9][A-Za-z0-9_-]{21}$/);
});
