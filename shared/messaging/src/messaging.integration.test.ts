import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import { connectDatabase, type Database } from "@shop/database/connect";
import { inTransaction } from "@shop/database/transaction";
import { eventually } from "@shop/testing/eventually";
import { testKafkaBrokers, testPostgresUrl } from "@shop/testing/infrastructure";
import { settled } from "@shop/testing/settled";
import { sql } from "drizzle-orm";
import { Kafka, logLevel, type Message } from "kafkajs";
import { DecreaseProductCommand } from "@shop/contracts/messages/product";
import { systemClock } from "@shop/runtime/clock";
import { uuidV7 } from "@shop/runtime/ids";
import type { Broker } from "./broker.ts";
import { MessageRefused } from "./inbox/handlers.ts";
import { createOutbox } from "./outbox/outbox.ts";
import { outgoing } from "./outbox/outgoing.ts";
import { effects, effectsByKey } from "./testing/node.ts";
import { createNodes, type Nodes } from "./testing/nodes.ts";

let nodes: Nodes;
let db: Database;
let prefix: string;
let start: Nodes["start"];

const key = (n: number) => `01900000-0000-7000-8000-${n.toString(16).padStart(12, "0")}`;
const upTo = (n: number) => Array.from({ length: n }, (_, index) => index + 1);

const unsent = async () =>
  Number((await db.execute<{ n: string }>(sql`select count(*) as n from outbox where sent_at is null`))[0]?.n);

async function untilApplied(count: number): Promise<void> {
  await eventually(async () => expect((await effects(db)).length).toBeGreaterThanOrEqual(count));
}

/** Writes records to Kafka by hand, as a stranger would. */
async function publishRaw(messages: readonly Message[]): Promise<void> {
  const kafka = new Kafka({ brokers: (await testKafkaBrokers()).split(","), logLevel: logLevel.NOTHING });
  const producer = kafka.producer();
  await producer.connect();
  await producer.send({ topic: `${prefix}product.commands`, messages: [...messages] });
  await producer.disconnect();
}

beforeEach(async () => {
  nodes = await createNodes();
  ({ db, prefix, start } = nodes);
}, 120_000);
afterEach(async () => {
  await nodes.stop();
}, 120_000);

describe("the outbox", () => {
  test("what is committed by any of three replicas is applied once, each key in the order of its commits", async () => {
    const replicas = await Promise.all([start(), start(), start()]);
    const keys = upTo(40).map(key);
    for (const number of upTo(25)) await replicas[number % 3]?.send(keys, [number]);
    await untilApplied(40 * 25);
    const applied = await effectsByKey(db);
    for (const name of keys) expect(applied.get(name)).toEqual(upTo(25));
    await eventually(async () => expect(await unsent()).toBe(0));
    const shown = await Promise.all(replicas.map(({ metrics }) => metrics.expose()));
    expect(shown.filter((text) => /^outbox_published_total [1-9]/m.test(text))).toHaveLength(1);
  });

  test("a backlog that is larger than what Kafka takes at once is published all the same", async () => {
    const items = Array.from({ length: 50 }, (_, index) => ({ productId: key(index), quantity: 1 }));
    await inTransaction(db, (tx) =>
      createOutbox({ ids: uuidV7, clock: systemClock, wakeRelay: () => {} }).send(
        tx,
        upTo(1_500).map(() => outgoing(DecreaseProductCommand, key(1), { orderId: key(1), items }, undefined)),
      ),
    );
    await start();
    await untilApplied(1_500);
    await eventually(async () => expect(await unsent()).toBe(0));
  }, 120_000);

  test("so is one in letters that take three bytes each, all of it for one partition", async () => {
    await inTransaction(db, (tx) =>
      tx.execute(sql`
        insert into outbox (topic, key, payload)
        select 'delivery.commands', 'k', json_build_object('text', repeat('서', 3000)) from generate_series(1, 500)`),
    );
    await start();
    await eventually(async () => expect(await unsent()).toBe(0));
  }, 120_000);

  test("a transaction that is rolled back sends nothing", async () => {
    const node = await start();
    const rolledBack = inTransaction(node.db, async (tx) => {
      await node.messaging.outbox.send(tx, []);
      await tx.execute(sql`insert into outbox (topic, key, payload) values ('product.commands', 'k', '{}')`);
      throw new Error("rolled back on purpose");
    });
    expect(rolledBack).rejects.toThrow("on purpose");
    await node.send([key(1)], [1]);
    await untilApplied(1);
    expect(await effects(db)).toEqual([{ key: key(1), number: 1 }]);
    expect((await db.execute(sql`select 1 from outbox`)).length).toBe(1);
  });

  test("a statement outside of a transaction cannot write the outbox", async () => {
    const loose = async () =>
      await db.execute(sql`insert into outbox (topic, key, payload) values ('product.commands', 'k', '{}')`);
    expect(loose()).rejects.toThrow();
    await inTransaction(db, async () => {});
    expect(loose()).rejects.toThrow();
  });

  test("records that Kafka took while the relay was told otherwise are published again and applied once", async () => {
    let calls = 0;
    const lying = (broker: Broker): Broker => ({
      ...broker,
      async publish(records) {
        const acknowledgements = await broker.publish(records);
        calls += 1;
        if (calls <= 2) throw new Error("the answer got lost");
        return acknowledgements;
      },
    });
    const node = await start({ decorate: lying });
    await node.send([key(1), key(2)], [1, 2, 3]);
    await eventually(async () => expect(await unsent()).toBe(0));
    await untilApplied(6);
    expect(calls).toBeGreaterThanOrEqual(3);
    expect(await effectsByKey(db)).toEqual(
      new Map([
        [key(1), [1, 2, 3]],
        [key(2), [1, 2, 3]],
      ]),
    );
  });

  test("a stop leaves to the next relay what is committed all the time, so that it comes to an end", async () => {
    const outbox = createOutbox({ ids: uuidV7, clock: systemClock, wakeRelay: () => {} });
    const commitOne = (quantity: number) =>
      inTransaction(db, (tx) => {
        const data = { orderId: key(1), items: [{ productId: key(1), quantity }] };
        return outbox.send(tx, [outgoing(DecreaseProductCommand, key(1), data, undefined)]);
      });
    let number = 1;
    let stopped = false;
    const node = await start({
      decorate: (broker) => ({
        ...broker,
        publish: async (records) => {
          const acknowledgements = await broker.publish(records);
          // There is always one more, so that a relay which waits for an empty outbox never comes to an end; and fewer than a quantity can count.
          await Bun.sleep(10);
          if (!stopped) await commitOne((number += 1));
          return acknowledgements;
        },
      }),
    });
    await commitOne(1);
    await untilApplied(10);
    expect(await settled(node.stop())).toBeUndefined();
    stopped = true;
    nodes.running.splice(nodes.running.indexOf(node), 1);
    await start();
    await untilApplied(number);
    expect((await effectsByKey(db)).get(key(1))).toEqual(upTo(number));
  }, 120_000);

  test("when the active relay's session is ended, publishing goes on", async () => {
    const node = await start();
    await start();
    await node.send([key(1)], [1]);
    await untilApplied(1);
    await db.execute(
      sql`select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'outbox relay' and datname = current_database()`,
    );
    await node.send([key(1)], [2]);
    await untilApplied(2);
    expect(await effectsByKey(db)).toEqual(new Map([[key(1), [1, 2]]]));
  });

  test("nothing is lost or doubled while random backends are terminated", async () => {
    const sender = await start();
    await start();
    const keys = upTo(20).map(key);
    let terminating = true;
    const terminator = (async () => {
      while (terminating) {
        await db.execute(sql`
          select pg_terminate_backend(pid) from (
            select pid from pg_stat_activity where datname = current_database() and application_name in ('node', 'outbox relay')
            order by random() limit 2) as victims`);
        await Bun.sleep(50);
      }
    })();
    const committed: number[] = [];
    for (const number of upTo(60)) {
      try {
        await sender.send(keys, [number]);
        committed.push(number);
      } catch (error) {
        // Its commit may have gone through all the same: then its messages count, all of them.
        expect(error).toBeInstanceOf(Error);
      }
    }
    terminating = false;
    await terminator;
    const sent = (await db.execute<{ n: string }>(sql`select count(*) as n from outbox`))[0]?.n;
    await untilApplied(Number(sent));
    await eventually(async () => expect(await unsent()).toBe(0));
    const applied = await effectsByKey(db);
    const first = applied.get(key(1)) ?? [];
    expect(first).toEqual([...new Set(first)].toSorted((a, b) => a - b));
    for (const number of committed) expect(first).toContain(number);
    for (const name of keys) expect(applied.get(name)).toEqual(first);
    expect(Number(sent)).toBe(first.length * keys.length);
  }, 120_000);
});

describe("the inbox", () => {
  test("every message delivered five times is applied once", async () => {
    const node = await start({
      decorate: (broker) => ({
        ...broker,
        publish: async (records) => {
          for (let copy = 1; copy < 5; copy += 1) await broker.publish(records);
          return broker.publish(records);
        },
      }),
    });
    await start();
    const keys = upTo(30).map(key);
    await node.send(keys, upTo(10));
    await untilApplied(300);
    await node.send([key(99)], [1]);
    await untilApplied(301);
    const applied = await effectsByKey(db);
    for (const name of keys) expect(applied.get(name)).toEqual(upTo(10));
  });

  test("a message that can never be applied is a dead letter, and behind one that fails its key waits; all others are applied, in order", async () => {
    const node = await start({
      onMessage: (number, name) => {
        if (number === 13 && name === key(1)) throw new MessageRefused("unlucky");
        if (number === 17 && name === key(2)) throw new TypeError("a bug");
      },
    });
    await node.send([key(1), key(2), key(3)], upTo(30));
    await untilApplied(29 + 16 + 30);
    await eventually(async () => {
      const deadLetters = await db.execute<{ cause: string; key: string; count: number }>(
        sql`select cause, key, count(*)::int from dead_letter group by cause, key order by cause`,
      );
      expect(deadLetters.map(({ cause, key: name, count }) => [cause, name, count])).toEqual([
        ["HANDLER_FAILED", key(2), 1],
        ["PARKED", key(2), 13],
        ["REFUSED", key(1), 1],
      ]);
    });
    const applied = await effectsByKey(db);
    expect(applied.get(key(1))).toEqual(upTo(30).filter((number) => number !== 13));
    expect(applied.get(key(2))).toEqual(upTo(16));
    expect(applied.get(key(3))).toEqual(upTo(30));
  });

  test("poison of every kind is kept with its cause, and what stands around it is applied", async () => {
    const node = await start();
    await node.send([key(1)], [1]);
    await untilApplied(1);
    const good =
      (await db.execute<{ payload: Record<string, unknown> }>(sql`select payload from outbox`))[0]?.payload ?? {};
    const variant = (changes: object) => JSON.stringify({ ...good, id: crypto.randomUUID(), ...changes });
    await publishRaw([
      { key: key(1), value: "{not json" },
      { key: key(1), value: Buffer.from([0xff, 0xfe, 0x00]) },
      { key: key(1), value: null },
      { key: key(1), value: "[]" },
      { key: key(1), value: variant({ type: "Nonsense" }) },
      { key: key(1), value: variant({ dataschema: "urn:order-delivery:DecreaseProductCommand:99" }) },
      { key: key(1), value: variant({ data: { orderId: "?" } }) },
      { key: key(1), value: variant({ type: "OrderCreated", dataschema: "urn:order-delivery:OrderCreated:1" }) },
      { key: null, value: variant({}) },
      { key: key(1), value: "x".repeat(900_000) },
    ]);
    await node.send([key(1)], [2]);
    await untilApplied(2);
    await eventually(async () => expect((await db.execute(sql`select 1 from dead_letter`)).length).toBe(10));
    const causes = await db.execute<{ cause: string }>(sql`select cause from dead_letter`);
    expect(causes.map(({ cause }) => cause).toSorted()).toEqual([
      "EMPTY",
      "INVALID_DATA",
      "NOT_A_CLOUD_EVENT",
      "NOT_JSON",
      "NOT_JSON",
      "NOT_JSON",
      "NO_KEY",
      "UNKNOWN_TYPE",
      "UNKNOWN_VERSION",
      "WRONG_TOPIC",
    ]);
    const [large] = await db.execute<{ n: number }>(sql`select max(octet_length(payload)) as n from dead_letter`);
    expect(large?.n).toBe(900_000);
  });
});

describe("the consumer", () => {
  test("a replica that stops finishes what it holds, and another one goes on where it stopped", async () => {
    const first = await start();
    const keys = upTo(50).map(key);
    await first.send(keys, upTo(20));
    await untilApplied(1);
    await first.stop();
    nodes.running.splice(nodes.running.indexOf(first), 1);
    await start();
    await untilApplied(1_000);
    const applied = await effectsByKey(db);
    for (const name of keys) expect(applied.get(name)).toEqual(upTo(20));
  });

  test("what a replica holds when it is told to stop is applied, and what that leads to published, before it has stopped", async () => {
    const [held, mayGoOn] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    const node = await start({
      answers: true,
      async onMessage(number) {
        if (number !== 1) return;
        held.resolve();
        await mayGoOn.promise;
      },
    });
    await node.send([key(1)], [400]);
    await untilApplied(2);
    await node.send([key(1)], [1]);
    await held.promise;
    const sessions = (condition: ReturnType<typeof sql>) =>
      db.execute(sql`select from pg_stat_activity where datname = current_database() and ${condition}`);
    const stopped = node.stop();
    // Long enough for a relay that would stop now to have left.
    await settled(
      eventually(async () => expect(await sessions(sql`application_name = 'outbox relay'`)).toHaveLength(0)),
      1_500,
    );
    mayGoOn.resolve();
    await stopped;
    nodes.running.splice(nodes.running.indexOf(node), 1);
    expect((await effects(db)).map(({ number }) => number)).toEqual([400, 900, 1]);
    expect(await unsent()).toBe(0);
  });

  test("a database that is away for a while is waited for, and no message becomes a dead letter", async () => {
    const node = await start();
    await node.send([key(1)], [1]);
    await untilApplied(1);
    const name = new URL(nodes.database.url).pathname.slice(1);
    const admin = connectDatabase({ url: nodes.database.url.replace(name, "postgres"), applicationName: "admin" });
    const quoted = sql.identifier(name);
    await admin.execute(sql`alter database ${quoted} allow_connections false`);
    await admin.execute(sql`select pg_terminate_backend(pid) from pg_stat_activity where datname = ${name}`);
    await publishRaw([{ key: key(2), value: "waits as well" }]);
    await eventually(() => expect(node.lines.some(({ level }) => level === "warn")).toBe(true));
    await admin.execute(sql`alter database ${quoted} allow_connections true`);
    await admin.$client.end();
    await node.send([key(1)], [2]);
    await untilApplied(2);
    await eventually(async () => expect((await db.execute(sql`select 1 from dead_letter`)).length).toBe(1));
  });
});

beforeAll(() => Promise.all([testKafkaBrokers(), testPostgresUrl()]), 120_000);
afterAll(() => expect(nodes.running).toHaveLength(0));
