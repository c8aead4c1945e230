import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "bun:test";
import { join } from "node:path";
import type { Database } from "@shop/database/connect";
import { topics } from "@shop/contracts/services";
import { dataFolder } from "@shop/local/infrastructure";
import { type KafkaProcess, startKafka } from "@shop/local/kafka";
import { systemClock } from "@shop/runtime/clock";
import { eventually } from "@shop/testing/eventually";
import { testKafkaBrokers, testPostgresUrl } from "@shop/testing/infrastructure";
import { sql } from "drizzle-orm";
import { Kafka, logLevel } from "kafkajs";
import type { Broker } from "../broker.ts";
import { effects, effectsByKey, type Node } from "../testing/node.ts";
import { createNodes, type Nodes } from "../testing/nodes.ts";

let nodes: Nodes;
let db: Database;
let prefix: string;
let start: Nodes["start"];

const key = (n: number) => `01900000-0000-7000-8000-${n.toString(16).padStart(12, "0")}`;
const upTo = (n: number) => Array.from({ length: n }, (_, index) => index + 1);
const keys = upTo(30).map(key);

/** A replica that publishes and does not consume. */
const publishing = (broker: Broker): Broker => ({
  ...broker,
  subscribe: () => ({ isHealthy: () => true, stop: () => Promise.resolve() }),
});

async function untilSent(): Promise<void> {
  await eventually(async () =>
    expect(await db.execute(sql`select 1 from outbox where sent_at is null limit 1`)).toHaveLength(0),
  );
}

async function untilApplied(count: number): Promise<void> {
  await eventually(async () => expect((await effects(db)).length).toBeGreaterThanOrEqual(count));
}

async function expectAppliedOnce(numbers: readonly number[]): Promise<void> {
  const applied = await effectsByKey(db);
  for (const name of keys) expect(applied.get(name)).toEqual(numbers);
}

async function deleteTopics(brokers: string): Promise<void> {
  const admin = new Kafka({ brokers: brokers.split(","), logLevel: logLevel.NOTHING }).admin();
  await admin.connect();
  await admin.deleteTopics({ topics: topics.map((topic) => prefix + topic) });
  await admin.disconnect();
}

const noticed = (node: Node) =>
  node.lines.filter(({ message }) => message.startsWith("the broker has lost acknowledged messages"));

beforeAll(() => Promise.all([testKafkaBrokers(), testPostgresUrl()]), 120_000);
beforeEach(async () => {
  nodes = await createNodes();
  ({ db, prefix, start } = nodes);
}, 120_000);
afterEach(async () => {
  await nodes.stop();
}, 120_000);
afterAll(() => expect(nodes.running).toHaveLength(0));

test("messages that the broker acknowledged and lost before anybody had read them are applied once, in order", async () => {
  const sender = await start({ decorate: publishing });
  // More than are sent again at once: what is new has to wait for all of it.
  await sender.send(keys, upTo(80));
  await untilSent();
  await deleteTopics(await testKafkaBrokers());
  await sender.send(keys, [81]);
  await eventually(() => expect(noticed(sender)).toHaveLength(1));
  await sender.send(keys, [82]);
  await start();
  await untilApplied(keys.length * 82);
  await expectAppliedOnce(upTo(82));
}, 120_000);

test("rows that were read before the loss was noticed are published behind those that are sent again", async () => {
  let ahead = 0;
  const clock = { ...systemClock, elapsed: () => systemClock.elapsed() + ahead };
  let gate: { readonly reached: () => void; readonly open: Promise<void> } | undefined;
  /** Its next look at the broker's ends is answered with what was there when it asked, and only when the gate opens. */
  const gated = (broker: Broker): Broker => ({
    ...publishing(broker),
    async endOffsets(asked) {
      const ends = await broker.endOffsets(asked);
      const here = gate;
      gate = undefined;
      here?.reached();
      await here?.open;
      return ends;
    },
  });
  const sender = await start({ clock, decorate: gated });
  // More than one batch, so that there is something left to send again when the first has been.
  await sender.send(keys, upTo(80));
  await untilSent();
  const reached = Promise.withResolvers<void>();
  const open = Promise.withResolvers<void>();
  gate = { reached: reached.resolve, open: open.promise };
  await reached.promise;
  await deleteTopics(await testKafkaBrokers());
  await sender.send(keys, [81]);
  // The client has heard of the new topic, so that the look that follows is answered; and it is due, in the round that reads these rows.
  await eventually(async () => expect(await sender.broker.endOffsets(["product.commands"])).toHaveLength(6));
  ahead += 60_000;
  open.resolve();
  await eventually(() => expect(noticed(sender)).toHaveLength(1));
  expect(noticed(sender)[0]).toMatchObject({ reason: "its partitions end before what it had acknowledged" });
  await start();
  await untilApplied(keys.length * 81);
  await expectAppliedOnce(upTo(81));
}, 180_000);

test("topics deleted again and again while messages flow: each is applied once, each key in order", async () => {
  const replicas = await Promise.all([start(), start()]);
  let number = 0;
  for (const round of upTo(3)) {
    for (const _ of upTo(10)) await replicas[round % 2]?.send(keys, [(number += 1)]);
    await deleteTopics(await testKafkaBrokers());
    for (const _ of upTo(10)) await replicas[round % 2]?.send(keys, [(number += 1)]);
    await untilApplied(keys.length * number);
  }
  await expectAppliedOnce(upTo(number));
}, 120_000);

test("a relay that ends while it sends again is followed by one that goes on where it stood", async () => {
  let published = 0;
  const counting = (broker: Broker): Broker => ({
    ...publishing(broker),
    async publish(records) {
      const acknowledgements = await broker.publish(records);
      published += records.length;
      // Long enough that the relay is met in the middle of its work.
      await Bun.sleep(50);
      return acknowledgements;
    },
  });
  await start({ decorate: counting });
  const count = 300;
  await nodes.running[0]?.send(keys, upTo(count));
  await untilSent();
  expect(published).toBe(keys.length * count);
  await deleteTopics(await testKafkaBrokers());
  const total = keys.length * count;
  await eventually(() => expect(published).toBeGreaterThan(total + 2_000), { pauseMs: 5 });
  await db.execute(
    sql`select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'outbox relay' and datname = current_database()`,
  );
  await start();
  await untilApplied(total);
  await expectAppliedOnce(upTo(count));
  await eventually(async () => expect(await db.execute(sql`select 1 from outbox_recovery`)).toHaveLength(0));
  // Once more all of it, and of that at most the in-flight batch a second time.
  expect(published).toBeLessThanOrEqual(total * 2 + 1_000);
}, 120_000);

test("a partition that ends before what was acknowledged has lost its tail: what was sent to its topic is sent again", async () => {
  const first = await start({ decorate: publishing });
  await first.send(keys, upTo(3));
  await untilSent();
  await first.stop();
  nodes.running.pop();
  await db.execute(sql`update outbox_published set end_offset = end_offset + 1 where partition = 2`);
  const next = await start();
  await untilApplied(keys.length * 3);
  await eventually(async () =>
    expect(await next.metrics.expose()).toContain(`outbox_published_total ${keys.length * 3}`),
  );
  expect(noticed(next)).toHaveLength(1);
  await next.send(keys, [4]);
  await untilApplied(keys.length * 4);
  await expectAppliedOnce(upTo(4));
}, 120_000);

test("nothing is sent again by a relay that begins to lead while the broker has all that it acknowledged", async () => {
  const first = await start();
  await first.send(keys, [1]);
  await untilApplied(keys.length);
  await untilSent();
  await first.stop();
  nodes.running.pop();
  const next = await start();
  await next.send(keys, [2]);
  await untilApplied(keys.length * 2);
  expect(await next.metrics.expose()).toContain(`outbox_published_total ${keys.length}`);
  expect(noticed(next)).toHaveLength(0);
}, 120_000);

test("a broker that comes back on its port with nothing: what it had and what was committed meanwhile is applied once, in order, and who consumes is healthy until it is gone for good", async () => {
  const folder = await dataFolder();
  const kafka: KafkaProcess = await startKafka({ dataDir: join(folder.path, "kafka"), environment: process.env });
  const replicas = await Promise.all([start({ brokers: kafka.brokers }), start({ brokers: kafka.brokers })]);
  let number = 0;
  for (const _ of upTo(10)) await replicas[0]?.send(keys, [(number += 1)]);
  await untilSent();
  const wiped = kafka.wipe();
  for (const _ of upTo(10)) await replicas[1]?.send(keys, [(number += 1)]);
  await wiped;
  await untilApplied(keys.length * number);
  await expectAppliedOnce(upTo(number));
  const healthy = () => nodes.running.map(({ messaging }) => messaging.isHealthy());
  await eventually(() => expect(healthy()).toEqual([true, true]));
  await kafka.kill();
  await eventually(() => expect(healthy()).toEqual([false, false]));
  await Promise.all(nodes.running.splice(0).map((node) => node.stop()));
  await kafka.stop();
  await folder.remove();
}, 120_000);
