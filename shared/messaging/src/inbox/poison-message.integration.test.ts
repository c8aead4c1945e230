import { afterEach, beforeAll, beforeEach, expect, test } from "bun:test";
import type { Database } from "@shop/database/connect";
import { eventually } from "@shop/testing/eventually";
import { testKafkaBrokers, testPostgresUrl } from "@shop/testing/infrastructure";
import { sql } from "drizzle-orm";
import type { Broker } from "../broker.ts";
import { effectsByKey, type Node } from "../testing/node.ts";
import { createNodes, type Nodes } from "../testing/nodes.ts";

const POISON = 13;
const key = (n: number) => `01900000-0000-7000-8000-${n.toString(16).padStart(12, "0")}`;
const upTo = (n: number) => Array.from({ length: n }, (_, index) => index + 1);

let nodes: Nodes;
let db: Database;
let prefix: string;
let start: Nodes["start"];
let sender: Node;
let life: ReturnType<typeof live>;

/** A replica that publishes and does not consume. */
const publishing = (broker: Broker): Broker => ({
  ...broker,
  subscribe: () => ({ isHealthy: () => true, stop: () => Promise.resolve() }),
});

/** A process that is started again whenever it ends, until it is told to end. */
function live(poison: number, brokers: string, failing = -1) {
  let crashes = 0;
  let goesOn = true;
  let child: Bun.Subprocess | undefined;
  const run = async () => {
    while (goesOn) {
      child = Bun.spawn({
        cmd: [
          "bun",
          `${import.meta.dir}/../testing/crashing-node.ts`,
          nodes.database.url,
          prefix,
          brokers,
          ...[poison, failing].map(String),
        ],
        stdout: "ignore",
        stderr: "inherit",
      });
      await child.exited;
      crashes += 1;
    }
  };
  const ended = run();
  return {
    crashes: () => crashes,
    kill: () => child?.kill("SIGKILL"),
    async end() {
      goesOn = false;
      child?.kill("SIGKILL");
      await ended;
    },
  };
}

const deadLetters = async () =>
  (
    await db.execute<{ cause: string; key: string }>(
      sql`select cause, key from dead_letter where replayed_at is null order by seq`,
    )
  ).map(({ cause, key: name }) => [cause, name]);

beforeAll(() => Promise.all([testKafkaBrokers(), testPostgresUrl()]), 120_000);
beforeEach(async () => {
  nodes = await createNodes();
  ({ db, prefix, start } = nodes);
  sender = await start({ decorate: publishing });
}, 120_000);
afterEach(async () => {
  await life.end();
  await nodes.stop();
}, 120_000);

test("a message that crashes the process is set aside at the third crash; its key waits, all others go on, and a replay applies all in order", async () => {
  life = live(POISON, await testKafkaBrokers());
  await sender.send([key(1), key(2)], [1]);
  await eventually(async () => expect((await effectsByKey(db)).size).toBe(2));
  await sender.send([key(1)], [POISON]);
  await eventually(async () => expect(await deadLetters()).toEqual([["PROCESS_KILLED", key(1)]]));
  expect(life.crashes()).toBe(3);
  await sender.send([key(1), key(2)], [14, 15]);
  await eventually(async () => expect((await effectsByKey(db)).get(key(2))).toEqual([1, 14, 15]));
  await eventually(async () =>
    expect(await deadLetters()).toEqual([
      ["PROCESS_KILLED", key(1)],
      ["PARKED", key(1)],
      ["PARKED", key(1)],
    ]),
  );
  expect(life.crashes()).toBe(3);
  await life.end();
  // What is deployed next can handle it.
  const mended = await start();
  const [first] = await db.execute<{ id: string }>(sql`select id from dead_letter order by seq limit 1`);
  await mended.replay(first?.id ?? "");
  expect((await effectsByKey(db)).get(key(1))).toEqual([1, POISON, 14, 15]);
  expect(await deadLetters()).toEqual([]);
  await mended.stop();
}, 120_000);

test("no handler begins before its messages are marked, however long that takes", async () => {
  await db.execute(sql`
    create function write_slowly() returns trigger language plpgsql as 'begin perform pg_sleep(1.5); return new; end'`);
  await db.execute(sql`
    create trigger slow before insert on in_flight for each row when (new.message_id is not null) execute function write_slowly()`);
  await sender.send([key(1)], [POISON]);
  life = live(POISON, await testKafkaBrokers());
  await eventually(async () => expect(await deadLetters()).toEqual([["PROCESS_KILLED", key(1)]]));
  expect(life.crashes()).toBe(3);
}, 120_000);

test("a poison message that waits behind one that failed is recognised at the second crash when both are retried", async () => {
  await sender.send([key(1)], [12, POISON, 14]);
  await eventually(async () =>
    expect(await db.execute(sql`select from outbox where sent_at is null limit 1`)).toHaveLength(0),
  );
  // It would try them again, too.
  await sender.stop();
  nodes.running.splice(nodes.running.indexOf(sender), 1);
  life = live(-1, await testKafkaBrokers(), 12);
  await eventually(async () =>
    expect((await deadLetters()).map(([cause]) => cause)).toEqual(["HANDLER_FAILED", "PARKED", "PARKED"]),
  );
  await life.end();
  // What is deployed next has fixed the one and cannot stand the other.
  life = live(POISON, await testKafkaBrokers());
  await eventually(async () =>
    expect(await deadLetters()).toEqual([
      ["PROCESS_KILLED", key(1)],
      ["PARKED", key(1)],
    ]),
  );
  expect((await effectsByKey(db)).get(key(1))).toEqual([12]);
  expect(life.crashes()).toBe(2);
  sender = await start({ decorate: publishing });
  await sender.send([key(2)], [1]);
  await eventually(async () => expect((await effectsByKey(db)).get(key(2))).toEqual([1]));
}, 180_000);

test("one among many costs one crash more, and takes none of the others with it", async () => {
  const keys = upTo(20).map(key);
  await sender.send(keys, upTo(12));
  await sender.send([key(7)], [POISON]);
  await sender.send(keys, [14]);
  await eventually(async () =>
    expect(await db.execute(sql`select from outbox where sent_at is null limit 1`)).toHaveLength(0),
  );
  life = live(POISON, await testKafkaBrokers());
  const others = keys.filter((name) => name !== key(7));
  await eventually(async () => {
    const applied = await effectsByKey(db);
    for (const name of others) expect(applied.get(name)).toEqual([...upTo(12), 14]);
    expect(applied.get(key(7))).toEqual(upTo(12));
    expect(await deadLetters()).toEqual([
      ["PROCESS_KILLED", key(7)],
      ["PARKED", key(7)],
    ]);
  });
  expect(life.crashes()).toBeLessThanOrEqual(4);
}, 120_000);

test("a process that is killed from outside, again and again, costs no message its place", async () => {
  life = live(-1, await testKafkaBrokers());
  const keys = upTo(20).map(key);
  for (const number of upTo(8)) {
    await sender.send(keys, [number]);
    await Bun.sleep(700);
    life.kill();
  }
  await eventually(async () => {
    const applied = await effectsByKey(db);
    for (const name of keys) expect(applied.get(name)).toEqual(upTo(8));
  });
  expect(await deadLetters()).toEqual([]);
}, 120_000);

test("what is in flight is not marked until a process crashes, and within seconds of that by all replicas", async () => {
  const stays = await start();
  life = live(-1, await testKafkaBrokers());
  const send = () => sender.send(upTo(12).map(key), [1]);
  const marked = () => db.execute(sql`select from in_flight where ranges <> '[]' and crashed_at is null`);
  const runs = () => db.execute(sql`select from in_flight where crashed_at is null`);
  const handledBy = async (node: Node) => /^messages_handled_total (\d+)$/m.exec(await node.metrics.expose())?.[1];
  // Keys of every partition: each of the two handles some.
  await eventually(
    async () => {
      await send();
      expect(Number(await handledBy(stays))).toBeGreaterThan(0);
      expect((await effectsByKey(db)).size).toBe(12);
      expect(await runs()).toHaveLength(3);
    },
    { pauseMs: 200 },
  );
  expect(await marked()).toHaveLength(0);
  await life.end();
  await eventually(
    async () => {
      await send();
      expect(await marked()).toHaveLength(1);
    },
    { pauseMs: 200 },
  );
  expect(await runs()).toHaveLength(2);
}, 120_000);

test("what has piled up is handled in batches by a process that follows one that was killed", async () => {
  life = live(-1, await testKafkaBrokers());
  const keys = upTo(20).map(key);
  await sender.send(keys, [1]);
  await eventually(async () => expect((await effectsByKey(db)).size).toBe(20));
  life.kill();
  await sender.send(
    keys,
    upTo(150).map((n) => n + 1),
  );
  await eventually(async () => expect(await db.execute(sql`select from effect`)).toHaveLength(20 * 151));
  expect(await db.execute(sql`select from in_flight where crashed_at is not null`)).toHaveLength(1);
  const transactions = await db.execute(sql`select distinct xmin::text from effect`);
  // One by one it would be thousands; how they are cut into batches is a matter of the machine.
  expect(transactions.length).toBeLessThan(500);
}, 120_000);
