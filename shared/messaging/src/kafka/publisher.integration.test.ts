import { afterAll, beforeAll, expect, spyOn, test } from "bun:test";
import { eventually } from "@shop/testing/eventually";
import { testKafkaBrokers } from "@shop/testing/infrastructure";
import { uniqueTopicPrefix } from "@shop/testing/topics";
import { Kafka, type KafkaMessage, logLevel, type Producer } from "kafkajs";
import { prefixed } from "./naming.ts";
import { createPublisher } from "./publisher.ts";

const naming = prefixed(uniqueTopicPrefix());
let kafka: Kafka;
let publisher: ReturnType<typeof createPublisher>;

beforeAll(async () => {
  kafka = new Kafka({ brokers: (await testKafkaBrokers()).split(","), logLevel: logLevel.NOTHING });
  const ensureTopics = async () => {
    const admin = kafka.admin();
    await admin.connect();
    await admin.createTopics({ topics: [{ topic: naming.topic("order.events"), numPartitions: 1 }] });
    await admin.disconnect();
  };
  publisher = createPublisher({ kafka, naming, ensureTopics });
  // A topic that is made may not be known to each request at once: the relay retries by itself.
  await eventually(publish);
  await publisher.close();
}, 120_000);
afterAll(() => publisher.close());

const publish = () => publisher.publish([{ topic: "order.events", key: "k", value: "{}" }]);

// A single broker acknowledges either way: what is asked of it can only be seen by looking.
test("a record counts as published when all in-sync replicas have it, and is not sent twice behind the relay's back", async () => {
  const opened = spyOn(kafka, "producer");
  expect(await publish()).toMatchObject([{ firstOffset: 1n, endOffset: 2n }]);
  expect(opened.mock.calls).toMatchObject([[{ maxInFlightRequests: 1, retry: { retries: 0 } }]]);
  const [result] = opened.mock.results;
  if (result?.type !== "return") throw new Error("no producer was made");
  const producer: Producer = result.value;
  const sent = spyOn(producer, "sendBatch");
  expect(await publish()).toMatchObject([{ firstOffset: 2n, endOffset: 3n }]);
  expect(sent.mock.calls).toMatchObject([[{ acks: -1 }]]);
});

test("a record says that it is a structured CloudEvent", async () => {
  await publish();
  const consumer = kafka.consumer({ groupId: naming.group("reader") });
  await consumer.connect();
  await consumer.subscribe({ topic: naming.topic("order.events"), fromBeginning: true });
  const read = Promise.withResolvers<KafkaMessage>();
  await consumer.run({ eachMessage: async ({ message }) => read.resolve(message) });
  const { key, value, headers } = await read.promise;
  await consumer.disconnect();
  const type = "application/cloudevents+json; charset=utf-8";
  expect([key, value, headers?.["content-type"]].map(String)).toEqual(["k", "{}", type]);
}, 120_000);
