import { afterAll, beforeAll, expect, test } from "bun:test";
import { freePort } from "@shop/local/free-port";
import { dataFolder } from "@shop/local/infrastructure";
import { type KafkaProcess, startKafka } from "@shop/local/kafka";
import type { RunFolder } from "@shop/local/run-folder";
import type { Broker, BrokerRecord } from "@shop/messaging/broker";
import { createKafkaBroker } from "@shop/messaging/kafka/kafka-broker";
import { systemClock } from "@shop/runtime/clock";
import { createMetrics } from "@shop/runtime/metrics";
import { capturedLogger } from "@shop/testing/logger";
import { eventually } from "@shop/testing/eventually";
import { type Admin, Kafka, logLevel } from "kafkajs";
import { join } from "node:path";
import { KAFKA_CALLS, type KafkaLink, openKafkaLink } from "../chaos/stage/kafka-link.ts";

const GROUP = "late-commit";
const TOPIC = "product.commands";
const PARTITIONS = 2;
/** Of both partitions. */
const KEYS = ["a", "b", "c", "d", "e", "f", "g", "h"];

let folder: RunFolder;
let kafka: KafkaProcess;
let link: KafkaLink;
/** The one reaches Kafka over the link, the other past it. */
let [one, other]: Broker[] = [];
let admin: Admin;

beforeAll(async () => {
  folder = await dataFolder();
  const listener = { port: await freePort(), advertisedPort: await freePort() };
  kafka = await startKafka({
    ...{ dataDir: join(folder.path, "kafka"), environment: process.env, extraListeners: [listener] },
  });
  link = await openKafkaLink(listener.advertisedPort, () => [listener.port]);
  const over = (brokers: string) =>
    createKafkaBroker({
      ...{ brokers: [brokers], clientId: "late", prefix: "", partitions: PARTITIONS, replicationFactor: 1 },
      ...{ clock: systemClock, logger: capturedLogger().logger, metrics: createMetrics() },
    });
  admin = new Kafka({ brokers: [kafka.brokers], logLevel: logLevel.NOTHING }).admin();
  await admin.connect();
  [one, other] = [over(`127.0.0.1:${link.port}`), over(kafka.brokers)];
}, 60_000);
afterAll(async () => {
  await admin.disconnect();
  await one?.close();
  await other?.close();
  await link.close();
  await kafka.stop();
  await folder.remove();
});

/** Whoever handles a record, by partition, as often as it does. */
function reader(broker: Broker | undefined, heard: number[]) {
  if (broker === undefined) throw new Error("nothing was started");
  const handle = (records: readonly BrokerRecord[]) => {
    heard.push(...records.map(({ partition }) => partition));
    return Promise.resolve();
  };
  return broker.subscribe({ groupId: GROUP, topics: [TOPIC], handle });
}

test("a commit that had no answer before the partitions were dealt out anew takes nothing back of what their new readers have committed", async () => {
  const offsets = async () => {
    const [group] = await admin.fetchOffsets({ groupId: GROUP, topics: [TOPIC] });
    const of = new Map(group?.partitions.map(({ partition, offset }) => [partition, Math.max(0, Number(offset))]));
    const ends = await admin.fetchTopicOffsets(TOPIC);
    return ends.map(({ partition, high }) => ({ partition, end: Number(high), committed: of.get(partition) ?? 0 }));
  };
  const read = async (which: (partition: number) => boolean) => {
    for (const { partition, end, committed } of await offsets()) if (which(partition)) expect(committed).toBe(end);
  };
  const everyone = () => true;
  const publish = async () => {
    for (const key of KEYS) await other?.publish([{ topic: TOPIC, key, value: "{}" }]);
  };
  const [first, second]: [number[], number[]] = [[], []];
  const reading = reader(one, first);
  await publish();
  await eventually(() => expect(new Set(first).size).toBe(PARTITIONS), { deadlineMs: 30_000 });
  await eventually(() => read(everyone), { deadlineMs: 10_000 });

  let unanswered = 0;
  link.watchFrames((_connection, { kind, call }) => {
    if (kind !== "answer" || call !== KAFKA_CALLS.offsetCommit || unanswered > 0) return "pass";
    unanswered += 1;
    return "drop";
  });
  await publish();
  await eventually(() => expect(unanswered).toBe(1), { deadlineMs: 10_000 });
  const readingOn = reader(other, second);
  const untilItReads = async () => {
    await publish();
    expect(second.length).toBeGreaterThan(0);
  };
  await eventually(untilItReads, { deadlineMs: 30_000, pauseMs: 200 });
  await publish();

  const taken = new Set(second);
  expect(taken.size).toBe(1);
  // What is left to it is committed only when the commit that waits for its answer is over, one way or the other.
  await eventually(() => read((partition) => !taken.has(partition)), { deadlineMs: 30_000, pauseMs: 200 });
  await read(everyone);
  await reading.stop();
  await readingOn.stop();
}, 120_000);
