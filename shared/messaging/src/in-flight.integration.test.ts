import { afterEach, beforeAll, beforeEach, expect, test } from "bun:test";
import { connectDatabase, type Database } from "@shop/database/connect";
import { postgresDriver as driver } from "@shop/database/driver";
import { isTransient } from "@shop/database/errors";
import { type Clock, systemClock } from "@shop/runtime/clock";
import { uuidV7 } from "@shop/runtime/ids";
import { ManualClock } from "@shop/testing/clock";
import { createTestDatabase, type TestDatabase } from "@shop/testing/database";
import { eventually } from "@shop/testing/eventually";
import { testPostgresUrl } from "@shop/testing/infrastructure";
import { linkToDatabase } from "@shop/testing/link";
import { capturedLogger } from "@shop/testing/logger";
import { settled } from "@shop/testing/settled";
import { sql } from "drizzle-orm";
import type { BrokerRecord } from "./broker.ts";
import { createInFlightMarker, POISON_AFTER_CRASHES, type InFlightMarker } from "./in-flight.ts";

/** Many times what a statement takes on a slow machine. */
const ANSWER_TIMEOUT_MS = 2_000;
const record: BrokerRecord = { topic: "order.events", partition: 0, offset: "7", key: "k", value: null, headers: {} };
const message = { id: "alone", type: "OrderCreated", key: "k", data: {}, traceparent: undefined, record };

let database: TestDatabase;
let db: Database;
let opened: InFlightMarker[];

beforeAll(() => testPostgresUrl(), 120_000);
beforeEach(async () => {
  database = await createTestDatabase({ service: "orchestrator" });
  db = connectDatabase({ url: database.url, applicationName: "test" });
  opened = [];
}, 120_000);
afterEach(async () => {
  await Promise.all(opened.map((marker) => marker.close()));
  await db.$client.end({ timeout: 2 });
  await database.drop();
}, 120_000);

/** What a process has in hand, and the name of its session. */
async function open(databaseUrl = database.url, clock: Clock = systemClock) {
  const processId = uuidV7();
  const { logger } = capturedLogger();
  const marker = createInFlightMarker({
    databaseUrl,
    driver,
    processId,
    clock,
    logger,
    answerTimeoutMs: ANSWER_TIMEOUT_MS,
  });
  opened.push(marker);
  await marker.ready();
  return { marker, session: `in hand ${processId}` };
}

/** Ends a session, as a restart of the server does. */
async function cut(session: string): Promise<void> {
  await eventually(async () => {
    await db.execute(sql`select pg_terminate_backend(pid) from pg_stat_activity where application_name = ${session}`);
    expect(await db.execute(sql`select from pg_stat_activity where application_name = ${session}`)).toHaveLength(0);
  });
}

test("a process that lives is not taken for dead by what it has in hand, however often its session is cut", async () => {
  const [one, other] = [await open(), await open()];
  for (let time = 0; time < 2 * POISON_AFTER_CRASHES; time += 1) {
    await one.marker.mark([record], [message]);
    await cut(one.session);
    await other.marker.lookForCrashes();
    expect(other.marker.crashesBy(message.id)).toBe(1);
    await eventually(() => one.marker.lookForCrashes());
  }
  await other.marker.lookForCrashes();
  expect(other.marker.crashesBy(message.id)).toBe(0);
});

test("a process that is dead after its session was cut has ended by what it had in hand", async () => {
  const [one, other] = [await open(), await open()];
  await one.marker.mark([record], [message]);
  for (let time = 0; time < 2; time += 1) {
    await cut(one.session);
    await other.marker.lookForCrashes();
    if (time === 0) await eventually(() => one.marker.lookForCrashes());
  }
  expect(other.marker.crashesBy(message.id)).toBe(1);
  expect(other.marker.isSuspect(record)).toBe(true);
});

test("a dead letter that is tried again counts against itself when its process ends meanwhile, and not after it", async () => {
  const [one, next, other] = [await open(), await open(), await open()];
  await db.execute(sql`
    insert into dead_letter (id, cause, detail, message_id, topic, partition, record_offset, headers, failed_at)
    values (gen_random_uuid(), 'HANDLER_FAILED', '', ${message.id}, 'order.events', 0, 7, '{}', now())`);
  await one.marker.markRetry(message.id);
  await cut(one.session);
  await next.marker.mark([record], [message]);
  await next.marker.markRetry(message.id);
  await next.marker.markRetry(null);
  await cut(next.session);
  await other.marker.lookForCrashes();
  expect(other.marker.crashesBy(message.id)).toBe(1);
});

test("what ended elsewhere and never comes here is not suspected for ever", async () => {
  const clock = new ManualClock();
  const [one, other] = [await open(), await open(database.url, clock)];
  await one.marker.mark([record], [message]);
  await cut(one.session);
  await other.marker.lookForCrashes();
  expect(other.marker.isSuspect(record)).toBe(true);
  await clock.advance(600_000);
  await other.marker.lookForCrashes();
  expect(other.marker.isSuspect(record)).toBe(false);
});

test("what is in hand is written down again soon after the link to the database was cut without a word", async () => {
  const link = await linkToDatabase(database.url);
  const { marker } = await open(link.through(database.url));
  link.cut();
  expect(isTransient(await settled(marker.mark([record], [message])))).toBe(true);
  link.heal();
  await eventually(() => marker.mark([record], [message]));
  expect(await db.execute(sql`select from in_hand where message_id = ${message.id}`)).toHaveLength(1);
  link.close();
});
