import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import type { Topic } from "@shop/contracts/services";
import { systemClock as clock } from "@shop/runtime/clock";
import { createMetrics } from "@shop/runtime/metrics";
import { eventually } from "@shop/testing/eventually";
import { testKafkaBrokers } from "@shop/testing/infrastructure";
import { capturedLogger } from "@shop/testing/logger";
import { uniqueTopicPrefix } from "@shop/testing/topics";
import { type Admin, CompressionTypes, ConfigResourceTypes, Kafka, logLevel } from "kafkajs";
import type { Broker, Subscription } from "../../broker.ts";
import { createKafkaBroker } from "../kafka-broker.ts";

setDefaultTimeout(240_000);
const DEADLINE = { deadlineMs: 60_000 };
const TOPIC: Topic = "order.events";
const group = { groupId: "readers", topics: [TOPIC] } as const;
const prefix = uniqueTopicPrefix();
const { logger, lines } = capturedLogger();
const metrics = createMetrics();
const handled: string[] = [];
let foreign: Kafka;
let admin: Admin;
let broker: Broker;
let subscription: Subscription;

beforeAll(async () => {
  const brokers = (await testKafkaBrokers()).split(",");
  // Another program, which knows nothing of ours.
  foreign = new Kafka({ brokers, logLevel: logLevel.NOTHING });
  admin = foreign.admin();
  await admin.connect();
  const options = { brokers, prefix, clientId: "test", partitions: 2, replicationFactor: 1 };
  broker = createKafkaBroker({ ...options, clock, logger, metrics });
  await eventually(() => publish("a", "first"), DEADLINE);
  subscription = broker.subscribe({
    ...group,
    handle: (records) => {
      handled.push(...records.map(({ value }) => new TextDecoder().decode(value ?? undefined).slice(0, 100)));
      return Promise.resolve();
    },
  });
  await eventually(() => expect(handled).toContain("first"), DEADLINE);
}, 240_000);
afterAll(async () => {
  await subscription.stop();
  await broker.close();
  await admin.disconnect();
});

const publish = (key: string, value: string) => broker.publish([{ topic: TOPIC, key, value }]);
const untilHandled = (...values: readonly string[]) =>
  eventually(() => expect(handled).toEqual(expect.arrayContaining([...values])), DEADLINE);
const untilNothingIsLeft = () => eventually(async () => expect(await broker.lag(group)).toBe(0), DEADLINE);

test("a transaction of another producer that stays open holds up nothing, and its end is no message that waits", async () => {
  const producer = foreign.producer({ idempotent: true, maxInFlightRequests: 1, transactionalId: `${prefix}foreign` });
  await producer.connect();
  const transaction = await producer.transaction();
  for (const partition of [0, 1])
    await transaction.send({
      topic: prefix + TOPIC,
      messages: [{ partition, key: "f", value: `foreign ${partition}` }],
    });
  for (const key of ["a", "b", "c", "d"]) await publish(key, `behind it ${key}`);
  await untilHandled("behind it a", "behind it b", "behind it c", "behind it d");
  await untilNothingIsLeft();
  // The broker writes a marker into each partition, behind the last record.
  await transaction.commit();
  await untilNothingIsLeft();
  const aborted = await producer.transaction();
  await aborted.send({ topic: prefix + TOPIC, messages: [{ partition: 0, key: "f", value: "aborted" }] });
  await aborted.abort();
  await untilNothingIsLeft();
  await publish("a", "after all");
  await untilHandled("after all");
  await untilNothingIsLeft();
  await producer.disconnect();
});

test.each(["lz4", "snappy", "zstd", "gzip"])(
  "records that the broker begins to store as %s are read, one by one and in large batches",
  async (codec) => {
    await publish("a", `before ${codec}`);
    const configEntries = [{ name: "compression.type", value: codec }];
    await admin.alterConfigs({
      validateOnly: false,
      resources: [{ type: ConfigResourceTypes.TOPIC, name: prefix + TOPIC, configEntries }],
    });
    const values = Array.from({ length: 300 }, (_, number) => `${codec} ${number} ${crypto.randomUUID().repeat(20)}`);
    await publish("a", `alone ${codec}`);
    await broker.publish(values.map((value, number) => ({ topic: TOPIC, key: String(number % 7), value })));
    await untilHandled(`before ${codec}`, `alone ${codec}`, ...values.map((value) => value.slice(0, 100)));
    await untilNothingIsLeft();
  },
);

test("a batch that unpacks to more than is taken stops its partition alone, which shows, and what stands behind it is read once it is gone", async () => {
  const producer = foreign.producer();
  await producer.connect();
  const bomb = { partition: 0, key: "bomb", value: Buffer.alloc(40 * 1024 * 1024) };
  await producer.send({ topic: prefix + TOPIC, compression: CompressionTypes.GZIP, messages: [bomb] });
  await producer.send({ topic: prefix + TOPIC, messages: [{ partition: 0, key: "x", value: "behind the bomb" }] });
  await producer.send({ topic: prefix + TOPIC, messages: [{ partition: 1, key: "y", value: "beside the bomb" }] });
  await untilHandled("beside the bomb");
  await eventually(() => expect(metrics.read("consumer_unreadable_partitions")).toBe(1), DEADLINE);
  expect(handled).not.toContain("behind the bomb");
  const said = lines.filter(({ level }) => level === "error");
  expect(said).toMatchObject([{ topic: prefix + TOPIC, partition: 0 }]);
  // As an operator does it: the records up to and with that batch are deleted.
  const offset = String(BigInt(String(said[0]?.["offset"])) + 1n);
  await admin.deleteTopicRecords({ topic: prefix + TOPIC, partitions: [{ partition: 0, offset }] });
  await untilHandled("behind the bomb");
  await eventually(() => expect(metrics.read("consumer_unreadable_partitions")).toBe(0), DEADLINE);
  await producer.disconnect();
});
