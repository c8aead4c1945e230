import { afterAll, beforeAll, expect, test } from "bun:test";
import { topics } from "@shop/contracts/messages/define";
import type { Shop } from "@shop/client/shop";
import { eventually } from "@shop/testing/eventually";
import { uniqueTopicPrefix } from "@shop/testing/topics";
import { Kafka, logLevel, type Message } from "kafkajs";
import { expectKept, type Journal, runLoad } from "../support/journal.ts";
import { seeded } from "../support/seeded.ts";
import { newProduct, startTestSystem, type TestSystem } from "../support/test-system.ts";

let shop: TestSystem;
let kafka: Kafka;
let customers: readonly Shop[];
let rider: Shop;
let admin: Shop;
let productIds: readonly string[];
let journal: Journal;
const prefix = uniqueTopicPrefix();

beforeAll(async () => {
  shop = await startTestSystem({ settings: { TOPIC_PREFIX: prefix } });
  kafka = new Kafka({ brokers: shop.system.kafkaBrokers.split(","), logLevel: logLevel.NOTHING });
  customers = await Promise.all(Array.from({ length: 4 }, () => shop.newCustomer()));
  rider = await shop.logIn("rider");
  admin = await shop.logIn("admin");
  productIds = [await newProduct(shop, 100_000), await newProduct(shop, 40)];
  journal = await load(1);
}, 180_000);
afterAll(async () => {
  await shop.stop();
}, 30_000);

const load = (seed: number) =>
  runLoad({ customers, rider, productIds, orders: 120, inFlight: 16, cancelled: 0.3, completed: 0.4, seed });

/** Every record of every topic so far. */
async function readAll(): Promise<ReadonlyMap<string, readonly Message[]>> {
  const records = new Map<string, Message[]>(topics.map((topic) => [prefix + topic, []]));
  const client = kafka.admin();
  await client.connect();
  const ends = new Map<string, bigint>();
  for (const topic of records.keys()) {
    for (const { partition, high } of await client.fetchTopicOffsets(topic))
      ends.set(`${topic}:${partition}`, BigInt(high));
  }
  await client.disconnect();
  const wanted = Number([...ends.values()].reduce((sum, end) => sum + end, 0n));
  const consumer = kafka.consumer({ groupId: `${prefix}reader-${crypto.randomUUID()}` });
  await consumer.connect();
  await consumer.subscribe({ topics: [...records.keys()], fromBeginning: true });
  let read = 0;
  await consumer.run({
    eachMessage: ({ topic, message: { key, value } }) => {
      records.get(topic)?.push({ key, value });
      read += 1;
      return Promise.resolve();
    },
  });
  await eventually(() => expect(read).toBeGreaterThanOrEqual(wanted));
  await consumer.disconnect();
  return records;
}

async function publish(topic: string, messages: readonly Message[]): Promise<void> {
  const producer = kafka.producer();
  await producer.connect();
  await producer.send({ topic, messages: [...messages] });
  await producer.disconnect();
}

function shuffled<Item>(items: readonly Item[], random: () => number): Item[] {
  return items
    .map((item) => ({ item, at: random() }))
    .toSorted((a, b) => a.at - b.at)
    .map(({ item }) => item);
}

/** What the shop's people see, and the stock: what no repeated message may change. */
async function picture(): Promise<string> {
  const { products, orders } = await shop.booksBalance();
  return JSON.stringify({ products, orders });
}

test("every message that ever was, again, two to five times and in any order, changes nothing", async () => {
  const before = await picture();
  const random = seeded(12);
  for (const [topic, messages] of await readAll()) {
    const copies = messages.flatMap((message) => Array.from({ length: 2 + Math.floor(random() * 4) }, () => message));
    if (copies.length > 0) await publish(topic, shuffled(copies, random));
  }
  const during = await load(13);
  await shop.booksBalance(60_000);
  await expectKept(during, admin);
  await expectKept(journal, admin);
  const after = await shop.booksBalance();
  expect(after.deadLetters).toEqual([]);
  expect(after.orders.PENDING + after.orders.COMPLETE + after.orders.CANCELLED).toBeGreaterThan(
    JSON.parse(before).orders.COMPLETE,
  );
}, 120_000);

test("poison among the messages is set aside with its reason, and every order around it is served", async () => {
  const known = (await shop.booksBalance()).deadLetters.length;
  const poison: readonly Message[] = [
    { key: "k", value: "{" },
    { key: "k", value: null },
    { key: null, value: "null" },
    { key: "k", value: Buffer.from([0x80, 0x00, 0xff]) },
    { key: "k", value: JSON.stringify({ specversion: "1.0", type: "Nonsense" }) },
    { key: "k", value: "y".repeat(500_000) },
  ];
  let poisoned = 0;
  const poisoning: Promise<void>[] = [];
  const during = await runLoad({
    ...{ customers, rider, productIds, orders: 120, inFlight: 16, cancelled: 0.2, completed: 0.3, seed: 15 },
    onPlaced: (count) => {
      if (count % 10 !== 0) return;
      const topic = topics[poisoned % topics.length] as string;
      const message = poison[poisoned % poison.length] as Message;
      poisoned += 1;
      // The same key for all would put all on one partition: these go everywhere.
      poisoning.push(publish(prefix + topic, [message, { ...message, key: crypto.randomUUID() }]));
    },
  });
  await Promise.all(poisoning);
  await shop.booksBalance(60_000);
  await expectKept(during, admin);
  await eventually(async () => {
    const { deadLetters } = await shop.booksBalance();
    // Topics that two services read leave a dead letter with each of them.
    expect(deadLetters.length - known).toBeGreaterThanOrEqual(poisoned * 2);
  });
}, 120_000);
