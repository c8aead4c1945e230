import { afterEach, beforeEach, expect, test } from "bun:test";
import { ReportOrdersCommand } from "@shop/contracts/messages/audit";
import { openClient } from "@shop/database/client";
import { connectDatabase, type Database } from "@shop/database/connect";
import { postgresDriver as driver } from "@shop/database/driver";
import { inTransaction } from "@shop/database/transaction";
import { systemClock as clock } from "@shop/runtime/clock";
import { uuidV7 as ids } from "@shop/runtime/ids";
import { createMetrics, type Metrics } from "@shop/runtime/metrics";
import { createTestDatabase, type TestDatabase } from "@shop/testing/database";
import { eventually } from "@shop/testing/eventually";
import { testKafkaBrokers } from "@shop/testing/infrastructure";
import { capturedLogger, type LogLine } from "@shop/testing/logger";
import { uniqueTopicPrefix } from "@shop/testing/topics";
import { sql } from "drizzle-orm";
import { messagingMigrations } from "../migrations.ts";
import type { Broker } from "../broker.ts";
import { createKafkaBroker } from "../kafka/kafka-broker.ts";
import { createOutbox } from "./outbox.ts";
import { outgoing } from "./outgoing.ts";
import { createRelay, type Relay } from "./relay.ts";
import { openRelaySession } from "./relay-session.ts";

let database: TestDatabase;
let db: Database;
let broker: Broker;
let relays: readonly Relay[];
let lines: readonly LogLine[];
let metrics: Metrics;

beforeEach(async () => {
  database = await createTestDatabase({ migrations: [messagingMigrations] });
  db = connectDatabase({ url: database.url, applicationName: "test" });
  const captured = capturedLogger();
  const { logger } = captured;
  lines = captured.lines;
  metrics = createMetrics();
  const kafka = { brokers: (await testKafkaBrokers()).split(","), clientId: "test", prefix: uniqueTopicPrefix() };
  broker = createKafkaBroker({ ...kafka, partitions: 2, replicationFactor: 1, clock, logger, metrics });
  const openSession = () => openRelaySession({ databaseUrl: database.url, driver, clock });
  // As good as never: whatever leaves does so because it was told of.
  const sweepIntervalMs = 3_600_000;
  relays = [1, 2].map(() => createRelay({ openSession, db, broker, clock, logger, metrics, sweepIntervalMs }));
  for (const relay of relays) relay.start();
}, 120_000);
afterEach(async () => {
  await Promise.all(relays.map((relay) => relay.stop()));
  await broker.close();
  await db.$client.end({ timeout: 2 });
  await database.drop();
}, 120_000);

/** Commits a message. @returns its key */
async function commit(): Promise<string> {
  const key = ids();
  const message = outgoing(ReportOrdersCommand, key, { auditId: key, orderIds: [ids()] }, undefined);
  await inTransaction(db, (tx) => createOutbox({ ids, clock, wakeRelay: () => {} }).send(tx, [message]));
  return key;
}

const isSent = async (key: string) =>
  (await db.execute(sql`select from outbox where key = ${key} and sent_at is not null`)).length > 0;
/** Whether the relay's session waits for a lock. */
const waitsForLock = async () =>
  (
    await db.execute(sql`
      select from pg_stat_activity
      where application_name = 'outbox relay' and datname = current_database() and wait_event_type = 'Lock'`)
  ).length > 0;

/** Waits until the message of a key is marked as sent; `wake` is called until it is. */
async function untilSent(key: string, wake: () => void): Promise<void> {
  await eventually(
    async () => {
      wake();
      expect(await isSent(key)).toBe(true);
    },
    { pauseMs: 100 },
  );
}

const sends = async (wake: () => void) => untilSent(await commit(), wake);
const publishedCount = async () => Number(/^outbox_published_total (\d+)$/m.exec(await metrics.expose())?.[1]);
const lostSessions = () => lines.filter(({ message }) => message.startsWith("the relay lost its database session"));
const wakeAll = () => relays.forEach((relay) => relay.wake());

test("a message leaves as soon as it is committed, by whichever replica, without waiting for the next look", async () => {
  await eventually(() => expect(relays.filter((relay) => relay.isActive())).toHaveLength(1));
  const [active] = relays.filter((relay) => relay.isActive());
  const [standby] = relays.filter((relay) => !relay.isActive());
  await sends(() => active?.wake());
  await sends(() => standby?.wake());
}, 120_000);

test("a row that another session has locked is published once, and later ones leave while it is locked", async () => {
  await eventually(() => expect(relays.filter((relay) => relay.isActive())).toHaveLength(1));
  const locked = await commit();
  // A session that is not ended for being silent.
  const other = openClient(database.url, { max: 1 });
  await other.begin(async (tx) => {
    await tx`select from outbox where key = ${locked} for update`;
    for (const _ of [1, 2, 3]) await sends(wakeAll);
    expect(await isSent(locked)).toBe(false);
  });
  await other.end();
  await untilSent(locked, wakeAll);
  expect(await publishedCount()).toBe(4);
  expect(lostSessions()).toEqual([]);
}, 120_000);

for (const lock of [
  "outbox in share mode",
  "outbox in access exclusive mode",
  "outbox_published in exclusive mode",
  "outbox_published in access exclusive mode",
])
  test(`while another session holds a lock on the table ${lock}, nothing is published twice, and afterwards all of it leaves`, async () => {
    await eventually(() => expect(relays.filter((relay) => relay.isActive())).toHaveLength(1));
    await sends(wakeAll);
    const key = await commit();
    // A session that is not ended for being silent.
    const other = openClient(database.url, { max: 1 });
    await other.begin(async (tx) => {
      await tx.unsafe(`lock table ${lock}`);
      // It has given up the wait twice.
      for (const expected of [true, false, true, false])
        await eventually(
          async () => {
            wakeAll();
            expect(await waitsForLock()).toBe(expected);
          },
          { pauseMs: 5 },
        );
    });
    await other.end();
    await untilSent(key, wakeAll);
    expect(await publishedCount()).toBe(2);
    expect(lostSessions()).toEqual([]);
  }, 120_000);
