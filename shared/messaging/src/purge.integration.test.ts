import { afterAll, beforeAll, beforeEach, expect, test } from "bun:test";
import { connectDatabase, type Database } from "@shop/database/connect";
import { inTransaction } from "@shop/database/transaction";
import { ManualClock } from "@shop/testing/clock";
import { createTestDatabase, type TestDatabase } from "@shop/testing/database";
import { eventually } from "@shop/testing/eventually";
import { capturedLogger } from "@shop/testing/logger";
import { sql } from "drizzle-orm";
import { defaultRetention, purgeUntil } from "./purge.ts";

let database: TestDatabase;
let db: Database;

beforeAll(async () => {
  database = await createTestDatabase({ service: "orchestrator" });
  db = connectDatabase({ url: database.url, applicationName: "test" });
}, 120_000);
beforeEach(async () => {
  await db.execute(sql`truncate outbox, inbox, deadly_message`);
});
afterAll(async () => {
  await db.$client.end({ timeout: 2 });
  await database.drop();
});

/** Lets the purge look once. */
async function purge(): Promise<void> {
  const clock = new ManualClock(Date.now());
  const stopping = new AbortController();
  const { logger } = capturedLogger();
  const purging = purgeUntil(stopping.signal, { db, clock, logger, retention: defaultRetention });
  await eventually(() => expect(clock.sleeperCount).toBe(1));
  stopping.abort();
  await purging;
}

test("what is unsent, and what may still come again, is kept for as long as it takes", async () => {
  await inTransaction(db, async (tx) => {
    await tx.execute(sql`
      insert into outbox (topic, key, payload, created_at, sent_at) values
        ('order.events', 'unsent', '{}', now() - interval '30 days', null),
        ('order.events', 'sent just now', '{}', now() - interval '30 days', now()),
        ('order.events', 'sent within three days', '{}', now() - interval '30 days', now() - interval '71 hours'),
        ('order.events', 'sent before', '{}', now() - interval '30 days', now() - interval '73 hours')`);
    await tx.execute(sql`
      insert into inbox (message_id, handled_at) values
        ('handled within two weeks', now() - interval '13 days'), ('handled before', now() - interval '15 days')`);
    await tx.execute(sql`
      insert into deadly_message (message_id, deaths, last_at) values
        ('ended a process within a day', 1, now() - interval '23 hours'), ('did so before', 1, now() - interval '25 hours')`);
  });
  await purge();
  const kept = await db.execute<{ name: string }>(sql`
    (select key as name from outbox order by id) union all select message_id from inbox
    union all select message_id from deadly_message`);
  expect(kept.map(({ name }) => name)).toEqual([
    "unsent",
    "sent just now",
    "sent within three days",
    "handled within two weeks",
    "ended a process within a day",
  ]);
});

test("however much there is, it goes in one look", async () => {
  await inTransaction(db, (tx) =>
    tx.execute(sql`
      insert into outbox (topic, key, payload, sent_at)
      select 'order.events', 'k', '{}', now() - interval '4 days' from generate_series(1, 12000)`),
  );
  await purge();
  expect(await db.execute(sql`select from outbox`)).toHaveLength(0);
});

test("the inbox knows a message for longer than Kafka keeps it, and than it can be sent again", () => {
  const kafkaKeepsMs = 7 * 24 * 3_600_000;
  expect(defaultRetention.inboxMs).toBeGreaterThan(kafkaKeepsMs + defaultRetention.sentOutboxMs);
});
