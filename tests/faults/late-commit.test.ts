import { afterAll, beforeAll, expect, test } from "bun:test";
import type { Broker, BrokerRecord } from "@shop/messaging/broker";
import { eventually } from "@shop/testing/eventually";
import { type Admin, Kafka, logLevel } from "kafkajs";
import { KAFKA_CALLS } from "../harness/stage/kafka-link.ts";
import { type LinkedKafka, startLinkedKafka } from "../support/linked-kafka.ts";

const GROUP = "late-commit";
const TOPIC = "product.commands";
/** Of both partitions. */
const KEYS = ["a", "b", "c", "d", "e", "f", "g", "h"];

let kafka: LinkedKafka;
let admin: Admin;

beforeAll(async () => {
  kafka = await startLinkedKafka();
  admin = new Kafka({ brokers: [kafka.brokers], logLevel: logLevel.NOTHING }).admin();
  await admin.connect();
}, 240_000);
afterAll(async () => {
  await admin.disconnect();
  await kafka.stop();
});

/** A member of the group that records of which partitions it handles records. */
function reader(broker: Broker, heard: number[]) {
  const handle = (records: readonly BrokerRecord[]) => {
    heard.push(...records.map(({ partition }) => partition));
    return Promise.resolve();
  };
  return broker.subscribe({ groupId: GROUP, topics: [TOPIC], handle });
}

test("a commit that had no answer before the partitions were dealt out anew reverts nothing of what their new readers have committed", async () => {
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
    // A topic that has just been made has no leader for a moment.
    for (const key of KEYS) await eventually(() => kafka.pastLink.publish([{ topic: TOPIC, key, value: "{}" }]));
  };
  const [first, second]: [number[], number[]] = [[], []];
  const reading = reader(kafka.overLink, first);
  await publish();
  await eventually(() => expect(new Set(first).size).toBe(2));
  await eventually(() => read(everyone));

  let unanswered = 0;
  kafka.link.watchFrames((_connection, { kind, call }) => {
    if (kind !== "answer" || call !== KAFKA_CALLS.offsetCommit || unanswered > 0) return "pass";
    unanswered += 1;
    return "drop";
  });
  await publish();
  await eventually(() => expect(unanswered).toBe(1));
  const readingOn = reader(kafka.pastLink, second);
  const untilItReads = async () => {
    await publish();
    expect(second.length).toBeGreaterThan(0);
  };
  await eventually(untilItReads, { pauseMs: 200 });
  await publish();

  const taken = new Set(second);
  expect(taken.size).toBe(1);
  // What is left to it is committed only when the commit that waits for its answer is over, one way or the other.
  await eventually(() => read((partition) => !taken.has(partition)), { pauseMs: 200 });
  await read(everyone);
  await reading.stop();
  await readingOn.stop();
}, 240_000);
