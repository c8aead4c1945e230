import { afterAll, beforeAll, beforeEach, expect, test } from "bun:test";
import { DecreaseProductCommand } from "@shop/contracts/messages/product";
import { connectDatabase, type Database } from "@shop/database/connect";
import { inTransaction } from "@shop/database/transaction";
import { type Clock, systemClock } from "@shop/runtime/clock";
import { uuidV7 } from "@shop/runtime/ids";
import { createMetrics } from "@shop/runtime/metrics";
import { childTraceparent, traceIdOf } from "@shop/runtime/trace";
import type { Tracing } from "@shop/runtime/tracing";
import { ManualClock } from "@shop/testing/clock";
import { createTestDatabase, type TestDatabase } from "@shop/testing/database";
import { eventually } from "@shop/testing/eventually";
import { capturedLogger } from "@shop/testing/logger";
import { capturedTracing } from "@shop/testing/tracing";
import { settled } from "@shop/testing/settled";
import { sql } from "drizzle-orm";
import { messagingMigrations } from "../migrations.ts";
import type { BrokerRecord } from "../broker.ts";
import { createDeadLetters } from "../dead-letters/dead-letters.ts";
import { byType, on } from "./handlers.ts";
import { createInbox } from "./inbox.ts";
import { createOutbox } from "../outbox/outbox.ts";
import { outgoing, toOutboxRow } from "../outbox/outgoing.ts";
import { deadLetter } from "../schema.ts";

let database: TestDatabase;
let db: Database;
const ids = uuidV7;

beforeAll(async () => {
  database = await createTestDatabase({ migrations: [messagingMigrations] });
  db = connectDatabase({ url: database.url, applicationName: "test" });
  await db.execute(sql`create table effect (key text primary key, times int not null)`);
}, 120_000);
beforeEach(async () => {
  await db.execute(sql`truncate dead_letter, inbox, effect`);
});
afterAll(async () => {
  await db.$client.end({ timeout: 2 });
  await database.drop();
});

/** Keys whose messages take longer than any statement may. */
const slow = new Set<string>();
/** How many further attempts end because the server shuts down. */
let shutdowns = 0;
/** How many attempts after these fail in the handler. */
let failures = 0;

/** An inbox whose handler counts for each key how often it was applied. */
function inboxOn(own: Database, clock: Clock = systemClock, tracing?: Tracing, logger = capturedLogger().logger) {
  const metrics = createMetrics();
  return createInbox({
    ...{ db: own, outbox: createOutbox({ ids, clock, wakeRelay: () => {} }), clock, logger, metrics },
    ...(tracing && { tracing: { tracing, groupId: "orchestrator" } }),
    deadLetters: createDeadLetters({ db: own, ids, clock, logger, metrics }),
    handlers: byType(
      on(DecreaseProductCommand, async (tx, messages) => {
        if (shutdowns > 0) {
          shutdowns -= 1;
          throw Object.assign(new Error("terminating connection"), { code: "57P01" });
        }
        if (failures > 0) {
          failures -= 1;
          throw new Error("not yet");
        }
        for (const { key } of messages) {
          if (slow.has(key)) await tx.execute(sql`select pg_sleep(60)`);
          await tx.execute(
            sql`insert into effect values (${key}, 1) on conflict (key) do update set times = effect.times + 1`,
          );
        }
        return [];
      }),
    ),
  });
}

let offset = 0;
function recordOf(orderId: string, changes: Partial<BrokerRecord> = {}, causedBy?: string): BrokerRecord {
  const data = { orderId, items: [{ productId: ids(), quantity: 1 }] };
  const { topic, key, payload } = toOutboxRow(
    outgoing(DecreaseProductCommand, orderId, data, causedBy),
    ids,
    systemClock,
  );
  offset += 1;
  const value = Buffer.from(JSON.stringify(payload));
  return { topic, key, value, partition: 0, offset: String(offset), headers: {}, ...changes };
}

const deadLetters = async () => await db.execute<{ cause: string; headers: unknown }>(sql`select * from dead_letter`);
const applied = async () => (await db.execute<{ key: string }>(sql`select key from effect`)).map(({ key }) => key);

test("a record that cannot be decoded is kept whatever its key and its headers are, and what stands behind it is applied", async () => {
  const orderId = ids();
  const headers = { "na\0me": "va\0lue", half: "\ud800" };
  const poison = recordOf(ids(), { value: Buffer.from("{"), key: "k\0ey", headers });
  const stop = new AbortController();
  await settled(inboxOn(db)([poison, recordOf(orderId)], stop.signal));
  stop.abort();
  expect(await deadLetters()).toMatchObject([
    { cause: "NOT_JSON", key: "k\u{FFFD}ey", headers: { "na\u{FFFD}me": "va\u{FFFD}lue", half: "\u{FFFD}" } },
  ]);
  expect(await applied()).toEqual([orderId]);
});

test("a message whose key is longer than any of ours is a dead letter, and what stands behind it is applied", async () => {
  const orderId = ids();
  const key = Buffer.from(crypto.getRandomValues(new Uint8Array(6_000))).toString("base64");
  failures = 3;
  const stop = new AbortController();
  await settled(inboxOn(db)([recordOf(ids(), { key })], stop.signal));
  failures = 0;
  await settled(inboxOn(db)([recordOf(orderId)], stop.signal));
  stop.abort();
  expect(await deadLetters()).toMatchObject([{ cause: "NO_KEY", key }]);
  expect(await applied()).toEqual([orderId]);
});

/** Runs `work` while another session holds a row that the message of each of these keys writes. */
async function whileHeld<Result>(keys: readonly string[], work: () => Promise<Result>): Promise<Result> {
  const [held, letGo] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  const holder = inTransaction(db, async (tx) => {
    for (const key of keys) await tx.execute(sql`insert into effect values (${key}, 1)`);
    held.resolve();
    await letGo.promise;
  });
  await held.promise;
  try {
    return await work();
  } finally {
    letGo.resolve();
    await holder;
  }
}

test("a message whose rows another session holds is deferred with the later ones of its key, the others are applied meanwhile, and it is no dead letter", async () => {
  const [locked, free] = [ids(), Array.from({ length: 30 }, ids)];
  const inbox = inboxOn(db);
  const [first, second] = [recordOf(locked), recordOf(locked)];
  const records = [
    ...free.slice(0, 15).map((key) => recordOf(key)),
    first,
    ...free.slice(15).map((key) => recordOf(key)),
    second,
  ];
  const deferred = await whileHeld([locked], async () => {
    const left = await inbox(records, new AbortController().signal);
    // Of the row that is held nothing is seen before it is let go.
    expect((await applied()).toSorted()).toEqual(free.toSorted());
    return left;
  });
  expect(deferred).toEqual([first, second]);
  expect(await inbox(deferred, new AbortController().signal)).toEqual([]);
  expect(await db.execute(sql`select times from effect where key = ${locked}`)).toMatchObject([{ times: 3 }]);
  expect(await db.execute(sql`select from inbox`)).toHaveLength(32);
  expect(await deadLetters()).toHaveLength(0);
});

test("however many rows are held, a call bears only so many waits for locks, and what it defers untried stands in front", async () => {
  const [locked, free] = [Array.from({ length: 40 }, ids), Array.from({ length: 10 }, ids)];
  const inbox = inboxOn(db);
  const deferred = await whileHeld(locked, () =>
    inbox(
      [...locked, ...free].map((key) => recordOf(key)),
      new AbortController().signal,
    ),
  );
  expect(deferred.map(({ key }) => key ?? "").toSorted()).toEqual([...locked, ...free].toSorted());
  expect(deferred.slice(0, 10).map(({ key }) => key)).not.toContain(locked[0] ?? "");
  expect(await inbox(deferred, new AbortController().signal)).toEqual([]);
  expect(await deadLetters()).toHaveLength(0);
});

test("a message of which another replica has not committed what it does with it is deferred, and found handled afterwards", async () => {
  const [orderId, other] = [ids(), ids()];
  const record = recordOf(orderId);
  const messageId = JSON.parse(new TextDecoder().decode(record.value ?? undefined)).id as string;
  const [held, letGo] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  const twin = inTransaction(db, async (tx) => {
    await tx.execute(sql`insert into inbox (message_id) values (${messageId})`);
    held.resolve();
    await letGo.promise;
  });
  await held.promise;
  const inbox = inboxOn(db);
  const deferred = await inbox([record, recordOf(other)], new AbortController().signal);
  expect(deferred).toEqual([record]);
  expect(await applied()).toEqual([other]);
  letGo.resolve();
  await twin;
  expect(await inbox(deferred, new AbortController().signal)).toEqual([]);
  expect(await applied()).toEqual([other]);
});

test("dead letters that another transaction holds are deferred with the later messages of their keys, the others go on, and afterwards each is kept once", async () => {
  const inbox = inboxOn(db);
  const failing = ids();
  const poison = recordOf(ids(), { value: Buffer.from("{") });
  const [failed, later, other] = [recordOf(failing), recordOf(failing), recordOf(ids())];
  // The batch once, then the message alone.
  failures = 4;
  await inbox([poison, failed, recordOf(ids())], new AbortController().signal);
  const twins = await db.select().from(deadLetter);
  expect(twins).toHaveLength(2);
  await db.execute(sql`truncate dead_letter, effect`);
  const [held, letGo] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  const foreign = connectDatabase({
    url: database.url,
    applicationName: "another session",
    silentTransactionTimeoutMs: 0,
  });
  const holder = inTransaction(foreign, async (tx) => {
    await tx.insert(deadLetter).overridingSystemValue().values(twins);
    held.resolve();
    await letGo.promise;
  });
  await held.promise;
  failures = 4;
  const deferred = await inbox([poison, failed, other], new AbortController().signal);
  // The second was not tried, so it is the first of the next call.
  expect(deferred).toEqual([failed, poison]);
  expect(await applied()).toEqual([other.key ?? ""]);
  letGo.resolve();
  await holder;
  await foreign.$client.end();
  expect(await inbox([...deferred, later], new AbortController().signal)).toEqual([]);
  expect((await deadLetters()).map(({ cause }) => cause).toSorted()).toEqual(["HANDLER_FAILED", "NOT_JSON", "PARKED"]);
  expect(await applied()).toEqual([other.key ?? ""]);
}, 60_000);

test("a message that always takes longer than a statement may is a dead letter, and the others go on", async () => {
  const impatient = connectDatabase({ url: database.url, applicationName: "test", statementTimeoutMs: 1_500 });
  const [endless, other] = [ids(), ids()];
  slow.add(endless);
  const handled = inboxOn(impatient)([recordOf(endless), recordOf(other)], new AbortController().signal);
  expect(await settled(handled, 60_000)).toEqual([]);
  expect(await deadLetters()).toMatchObject([{ cause: "HANDLER_FAILED", key: endless }]);
  expect(await applied()).toEqual([other]);
  await impatient.$client.end();
});

/** Lets so many attempts fail, one after the other. */
async function passAttempts(clock: ManualClock, attempts: number): Promise<void> {
  for (let attempt = 0; attempt < attempts; attempt += 1) {
    await eventually(() => expect(clock.sleeperCount).toBe(1), { pauseMs: 1 });
    await clock.advance(2_000);
  }
}

test("a message is not given up, however often the database does not take it", async () => {
  const manual = new ManualClock();
  const [one, other] = [ids(), ids()];
  shutdowns = 40;
  const handled = inboxOn(db, manual)([recordOf(one), recordOf(other)], new AbortController().signal);
  await passAttempts(manual, 40);
  await handled;
  expect((await applied()).toSorted()).toEqual([one, other].toSorted());
  expect(await deadLetters()).toHaveLength(0);
}, 120_000);

test("a message has its three tries however often the database did not take it before", async () => {
  const manual = new ManualClock();
  const orderId = ids();
  [shutdowns, failures] = [5, 2];
  const handled = inboxOn(db, manual)([recordOf(orderId)], new AbortController().signal);
  await passAttempts(manual, 7);
  await handled;
  expect(await applied()).toEqual([orderId]);
  expect(await deadLetters()).toHaveLength(0);
}, 120_000);

test("a record that cannot be decoded is not forgotten, however often the database does not answer", async () => {
  const manual = new ManualClock();
  // Nobody listens there.
  const absent = connectDatabase({ url: "postgres://nobody@127.0.0.1:1/nothing", applicationName: "test" });
  const stop = new AbortController();
  const poison = recordOf(ids(), { value: Buffer.from("{") });
  const handled = settled(inboxOn(absent, manual)([poison], stop.signal), 60_000);
  await passAttempts(manual, 25);
  stop.abort();
  expect(await handled).toMatchObject({ name: "AbortError" });
  await absent.$client.end();
}, 120_000);

test("the trace of a message has each attempt to handle it, and says of a repeated one that nothing was done", async () => {
  const { tracing, spans } = capturedTracing();
  const [sampled, other] = [childTraceparent(undefined), `${childTraceparent(undefined).slice(0, -2)}00`];
  const traced = recordOf(ids(), {}, sampled);
  const { logger, lines } = capturedLogger();
  const handle = inboxOn(db, systemClock, tracing, logger);
  const stop = new AbortController();
  failures = 1;
  // Alone, so that its failure is not that of a batch.
  await handle([traced], stop.signal);
  await handle([traced, recordOf(ids(), {}, other)], stop.signal);
  stop.abort();
  const own = spans.filter(({ traceparent }) => traceIdOf(traceparent) === traceIdOf(sampled));
  const handlings = own.filter(({ kind }) => kind === "CONSUMER");
  expect(handlings.map(({ error, attributes }) => [attributes["shop.inbox.outcome"], error])).toEqual([
    ["failed", "Error"],
    ["applied", undefined],
    ["repeated", undefined],
  ]);
  const created = own[0]?.parent ?? "";
  for (const { parent, startedAt, endedAt = 0 } of handlings)
    expect([parent, endedAt >= startedAt]).toEqual([created, true]);
  expect(own.filter(({ parent }) => parent === handlings[0]?.traceparent).map(({ name }) => name)).toEqual([
    "INSERT inbox",
  ]);
  expect(lines).toMatchObject([{ event: "MESSAGE_HANDLER_FAILED", traceId: traceIdOf(sampled) }]);
  const batches = spans.filter(({ name }) => name === "process batch");
  expect(batches.map(({ attributes, links }) => [attributes["messaging.batch.message_count"], links])).toEqual([
    [1, [created]],
    [1, [created]],
    [2, [created]],
  ]);
  expect(handlings.map(({ links }) => links)).toEqual(batches.map(({ traceparent }) => [traceparent]));
});
