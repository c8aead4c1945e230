import { afterAll, beforeAll, expect, test } from "bun:test";
import { connectDatabase, type Database } from "@shop/database/connect";
import { inTransaction } from "@shop/database/transaction";
import { createMetrics } from "@shop/runtime/metrics";
import { ManualClock } from "@shop/testing/clock";
import { createTestDatabase, type TestDatabase } from "@shop/testing/database";
import { eventually } from "@shop/testing/eventually";
import { capturedLogger } from "@shop/testing/logger";
import { sql } from "drizzle-orm";
import { messagingMigrations } from "../migrations.ts";
import { watchOutboxAge } from "./outbox-age.ts";

let database: TestDatabase;
let db: Database;

beforeAll(async () => {
  database = await createTestDatabase({ migrations: [messagingMigrations] });
  db = connectDatabase({ url: database.url, applicationName: "test" });
}, 120_000);
afterAll(async () => {
  await db.$client.end({ timeout: 2 });
  await database.drop();
});

test("the metrics tell how many messages wait and how long the oldest has, and of none once all are sent", async () => {
  await inTransaction(db, (tx) =>
    tx.execute(sql`
      insert into outbox (topic, key, payload, created_at, sent_at) values
        ('order.events', 'sent', '{}', now() - interval '9 minutes', now()),
        ('order.events', 'oldest', '{}', now() - interval '5 minutes', null),
        ('order.events', 'newest', '{}', now(), null)`),
  );
  const clock = new ManualClock();
  const metrics = createMetrics();
  const stopping = new AbortController();
  const watching = watchOutboxAge(stopping.signal, { db, clock, logger: capturedLogger().logger, metrics });
  const seconds = () => metrics.read("outbox_oldest_unsent_seconds") ?? 0;
  await eventually(() => expect(seconds()).toBeGreaterThanOrEqual(300));
  expect(seconds()).toBeLessThan(400);
  expect(metrics.read("outbox_unsent_messages")).toBe(2);
  await inTransaction(db, (tx) => tx.execute(sql`update outbox set sent_at = now()`));
  await eventually(async () => {
    await clock.advance(5_000);
    expect(seconds()).toBe(0);
    expect(metrics.read("outbox_unsent_messages")).toBe(0);
  });
  stopping.abort();
  await watching;
});
