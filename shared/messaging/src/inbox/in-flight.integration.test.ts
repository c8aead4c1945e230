import { afterEach, beforeAll, beforeEach, expect, test } from "bun:test";
import { connectDatabase, type Database } from "@shop/database/connect";
import { postgresDriver as driver } from "@shop/database/driver";
import { isTransient } from "@shop/database/errors";
import { inTransaction } from "@shop/database/transaction";
import { systemClock } from "@shop/runtime/clock";
import { uuidV7 } from "@shop/runtime/ids";
import { createTestDatabase, type TestDatabase } from "@shop/testing/database";
import { eventually } from "@shop/testing/eventually";
import { testPostgresUrl } from "@shop/testing/infrastructure";
import { linkToDatabase } from "@shop/testing/link";
import { capturedLogger } from "@shop/testing/logger";
import { settled } from "@shop/testing/settled";
import { sql } from "drizzle-orm";
import { messagingMigrations } from "../migrations.ts";
import type { BrokerRecord } from "../broker.ts";
import type { Received } from "./decode.ts";
import { createInFlightMarker, type InFlightMarker, POISON_AFTER_CRASHES, watchForCrashes } from "./in-flight.ts";

/** Many times what a statement takes on a slow machine. */
const ANSWER_TIMEOUT_MS = 2_000;
const record: BrokerRecord = { topic: "order.events", partition: 0, offset: "7", key: "k", value: null, headers: {} };
const message: Received = { id: "alone", type: "OrderCreated", key: "k", data: {}, traceparent: undefined, record };

let database: TestDatabase;
let db: Database;
let opened: InFlightMarker[];

beforeAll(() => testPostgresUrl(), 120_000);
beforeEach(async () => {
  database = await createTestDatabase({ migrations: [messagingMigrations] });
  db = connectDatabase({ url: database.url, applicationName: "test" });
  opened = [];
}, 120_000);
afterEach(async () => {
  await Promise.all(opened.map((marker) => marker.close()));
  await db.$client.end({ timeout: 2 });
  await database.drop();
}, 120_000);

/** A process of the service, and the name of its session. */
async function open(databaseUrl = database.url) {
  const processId = uuidV7();
  const { logger } = capturedLogger();
  const marker = createInFlightMarker({ databaseUrl, driver, processId, logger, answerTimeoutMs: ANSWER_TIMEOUT_MS });
  opened.push(marker);
  await marker.ready();
  return { marker, session: `in flight ${processId}` };
}

/** Ends a session, as a restart of the server does, or the end of its process. */
async function cut(session: string): Promise<void> {
  await eventually(async () => {
    await db.execute(sql`select pg_terminate_backend(pid) from pg_stat_activity where application_name = ${session}`);
    expect(await db.execute(sql`select from pg_stat_activity where application_name = ${session}`)).toHaveLength(0);
  });
}

/** A process of the service that crashed with nothing that was marked. */
const crashOne = () => db.execute(sql`insert into in_flight (process) values (${uuidV7()})`);

/** Has a process find a crash, so that it marks. */
async function marking() {
  await crashOne();
  return open();
}

const marks = () => db.execute(sql`select from in_flight where ranges <> '[]' or message_id is not null`);

test("nothing is written for what is handled until a process of the service has crashed, and after ten minutes no more", async () => {
  const { marker } = await open();
  expect(marker.mark([message])).toBeUndefined();
  await crashOne();
  await marker.look();
  await marker.mark([message]);
  expect(await marks()).toHaveLength(1);
  await db.execute(sql`update in_flight set crashed_at = now() - interval '601 seconds' where crashed_at is not null`);
  await marker.look();
  expect(marker.mark([message])).toBeUndefined();
});

test("every process of the service marks after a crash, whichever of them found it, and those that start later", async () => {
  const [one, other] = [await open(), await open()];
  await crashOne();
  await one.marker.look();
  await other.marker.look();
  const third = await open();
  for (const { marker } of [one, other, third]) expect(marker.mark([message])).toBeDefined();
});

test("a process looks for crashes before it handles what another one may have had, and not otherwise", async () => {
  const { marker } = await open();
  const at = (offset: number, partition = 0) => ({ ...record, partition, offset: String(offset) });
  await marker.follow([at(7), at(8), at(3, 1)]);
  await crashOne();
  await marker.follow([at(9), at(4, 1), at(5, 1)]);
  expect(marker.mark([message])).toBeUndefined();
  await marker.follow([at(10), at(9, 1)]);
  expect(marker.mark([message])).toBeDefined();
});

test("a process that lives is not taken for crashed by what it has in flight, however often its session is cut", async () => {
  const [one, other] = [await marking(), await open()];
  for (let time = 0; time < 2 * POISON_AFTER_CRASHES; time += 1) {
    await one.marker.mark([message]);
    await cut(one.session);
    await other.marker.look();
    expect(other.marker.crashesBy(message.id)).toBe(1);
    await eventually(() => one.marker.look());
  }
  await other.marker.look();
  expect(other.marker.crashesBy(message.id)).toBe(0);
  expect(other.marker.isSuspect(message)).toBe(false);
});

test("a process registers again as soon as it loses its session", async () => {
  const [one, other] = [await marking(), await open()];
  const stopping = new AbortController();
  const { logger } = capturedLogger();
  // Its looks are an hour apart, but for those at a loss and behind one that failed.
  const sleep = (ms: number, signal?: AbortSignal) => systemClock.sleep(ms >= 1_000 ? 3_600_000 : ms, signal);
  const clock = { ...systemClock, sleep };
  const watching = watchForCrashes(stopping.signal, { marker: one.marker, clock, logger });
  await one.marker.mark([message]);
  for (let time = 0; time < 3; time += 1) {
    await cut(one.session);
    await eventually(async () => {
      await other.marker.look();
      expect(other.marker.crashesBy(message.id)).toBe(0);
      expect(await db.execute(sql`select from pg_stat_activity where application_name = ${one.session}`)).toHaveLength(
        1,
      );
    });
  }
  stopping.abort();
  await watching;
}, 120_000);

test("a process that is gone after its session was cut crashed with what it had in flight, and that is handled alone by all", async () => {
  const [one, other, third] = [await marking(), await open(), await open()];
  await one.marker.mark([message]);
  for (let time = 0; time < 2; time += 1) {
    await cut(one.session);
    await other.marker.look();
    if (time === 0) await eventually(() => one.marker.look());
  }
  await third.marker.look();
  for (const { marker } of [other, third]) {
    expect(marker.crashesBy(message.id)).toBe(1);
    expect(marker.isSuspect(message)).toBe(true);
    expect(marker.isSuspect({ ...message, id: "its neighbour" })).toBe(true);
    expect(marker.isSuspect({ ...message, id: "another", record: { ...record, offset: "8" } })).toBe(false);
  }
});

test("a message that was handled after all, or is a dead letter, is not counted when its process crashes later", async () => {
  const [one, other, third] = [await marking(), await open(), await open()];
  await one.marker.mark([message]);
  await inTransaction(db, (tx) => tx.execute(sql`insert into inbox (message_id) values (${message.id})`));
  await other.marker.mark([{ ...message, id: "a dead letter" }]);
  await db.execute(sql`
    insert into dead_letter (id, cause, detail, message_id, topic, partition, record_offset, headers, failed_at)
    values (gen_random_uuid(), 'HANDLER_FAILED', '', 'a dead letter', 'order.events', 0, 7, '{}', now())`);
  await cut(one.session);
  await cut(other.session);
  await third.marker.look();
  expect(third.marker.crashesBy(message.id)).toBe(0);
  expect(third.marker.crashesBy("a dead letter")).toBe(0);
});

test("a dead letter that is retried counts against itself when its process crashes meanwhile, and not after it", async () => {
  const [one, next, other] = [await open(), await open(), await open()];
  await db.execute(sql`
    insert into dead_letter (id, cause, detail, message_id, topic, partition, record_offset, headers, failed_at)
    values (gen_random_uuid(), 'HANDLER_FAILED', '', ${message.id}, 'order.events', 0, 7, '{}', now())`);
  await one.marker.markRetry(message.id);
  await cut(one.session);
  await next.marker.markRetry(message.id);
  await next.marker.markRetry(null);
  await cut(next.session);
  await other.marker.look();
  expect(other.marker.crashesBy(message.id)).toBe(1);
});

test("a process that stops is not taken for crashed", async () => {
  const [one, other] = [await open(), await open()];
  await one.marker.close();
  await other.marker.look();
  expect(other.marker.mark([message])).toBeUndefined();
});

test("what is in flight is marked again soon after the link to the database was cut without a word", async () => {
  await crashOne();
  const link = await linkToDatabase(database.url);
  const { marker } = await open(link.through(database.url));
  link.cut();
  expect(isTransient(await settled(marker.mark([message]) ?? Promise.resolve()))).toBe(true);
  link.heal();
  await eventually(() => marker.mark([message]));
  expect(await db.execute(sql`select from in_flight where message_id = ${message.id}`)).toHaveLength(1);
  link.close();
});
