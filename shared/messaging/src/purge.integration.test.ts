import { afterAll, beforeAll, beforeEach, expect, test } from "bun:test";
import { connectDatabase, type Database } from "@shop/database/connect";
import { inTransaction } from "@shop/database/transaction";
import { ManualClock } from "@shop/testing/clock";
import { createTestDatabase, type TestDatabase } from "@shop/testing/database";
import { eventually } from "@shop/testing/eventually";
import { capturedLogger } from "@shop/testing/logger";
import { type SQL, sql } from "drizzle-orm";
import { messagingMigrations } from "./migrations.ts";
import { readBacklog } from "./backlog.ts";
import { defaultRetention, purgeUntil } from "./purge.ts";

let database: TestDatabase;
let db: Database;

beforeAll(async () => {
  database = await createTestDatabase({ migrations: [messagingMigrations] });
  db = connectDatabase({ url: database.url, applicationName: "test" });
}, 120_000);
beforeEach(async () => {
  await db.execute(sql`truncate outbox, inbox, in_flight, dead_letter`);
});
afterAll(async () => {
  await db.$client.end({ timeout: 2 });
  await database.drop();
});

/** Lets the purge look once. */
async function purge({ own = db, now = Date.now() } = {}): Promise<void> {
  const clock = new ManualClock(now);
  const stopping = new AbortController();
  const { logger } = capturedLogger();
  const purging = purgeUntil(stopping.signal, { db: own, clock, logger, retention: defaultRetention });
  await eventually(() => expect(clock.sleeperCount).toBe(1));
  stopping.abort();
  await purging;
}

test("a dead letter is deleted when it was settled longer ago than it is kept, and never before it is settled", async () => {
  await db.execute(sql`
    insert into dead_letter (id, cause, detail, topic, partition, record_offset, headers, failed_at, replayed_at)
    select gen_random_uuid(), 'NOT_JSON', detail, 't', 0, row_number() over (), '{}', now() - interval '900 days', settled
    from (values ('open', null), ('settled', now() - interval '29 days'), ('settled before', now() - interval '31 days'))
      as entries(detail, settled)`);
  await purge();
  const left = await db.execute<{ detail: string }>(sql`select detail from dead_letter order by detail`);
  expect(left.map(({ detail }) => detail)).toEqual(["open", "settled"]);
});

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
      insert into in_flight (process, message_id, crashed_at) values
        ('runs', null, null), ('crashed within an hour', null, now() - interval '59 minutes'),
        ('crashed before', null, now() - interval '61 minutes'),
        ('crashed with one message within a day', 'a', now() - interval '23 hours'),
        ('crashed with one before', 'b', now() - interval '25 hours')`);
  });
  await purge();
  const kept = await db.execute<{ name: string }>(sql`
    (select key as name from outbox order by id) union all select message_id from inbox
    union all (select process from in_flight order by process)`);
  expect(kept.map(({ name }) => name)).toEqual([
    "unsent",
    "sent just now",
    "sent within three days",
    "handled within two weeks",
    "crashed with one message within a day",
    "crashed within an hour",
    "runs",
  ]);
});

test("what has been applied is not forgotten for as long as it can be replayed as a dead letter", async () => {
  const deadLetterOf = (messageId: string, replayedAt: SQL) => sql`
    insert into dead_letter (id, cause, detail, message_id, topic, partition, record_offset, payload, headers, failed_at, replayed_at)
    values (gen_random_uuid(), 'REFUSED', '', ${messageId}, 'order.events', 0, 7, ${Buffer.from(messageId)}, '{}', now(), ${replayedAt})`;
  await db.execute(deadLetterOf("open", sql`null`));
  await db.execute(deadLetterOf("replayed", sql`now()`));
  await db.execute(sql`
    insert into dead_letter (id, cause, detail, topic, partition, record_offset, headers, failed_at)
    values (gen_random_uuid(), 'NOT_JSON', '', 'order.events', 0, 8, '{}', now())`);
  await inTransaction(db, (tx) =>
    tx.execute(sql`
      insert into inbox (message_id, handled_at)
      select message_id, now() - interval '15 days' from unnest(array['open', 'replayed', 'of no dead letter']) as message_id`),
  );
  await purge();
  expect([...(await db.execute(sql`select message_id from inbox`))]).toEqual([{ message_id: "open" }]);
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

test("a process whose clock is years ahead takes nothing for old", async () => {
  await inTransaction(db, async (tx) => {
    await tx.execute(sql`insert into outbox (topic, key, payload, sent_at) values ('order.events', 'k', '{}', now())`);
    await tx.execute(sql`insert into inbox (message_id) values ('handled')`);
  });
  await purge({ now: Date.parse("2099-01-01T00:00:00Z") });
  expect(await db.execute(sql`select from outbox`)).toHaveLength(1);
  expect(await db.execute(sql`select from inbox`)).toHaveLength(1);
});

test("however many sent rows are still to be kept, a purge looks at a few of them, and so does who asks for the oldest unsent one", async () => {
  const own = connectDatabase({ url: database.url, applicationName: "test", max: 1 });
  const read = async () => {
    await own.execute(sql`select pg_stat_force_next_flush()`);
    const [stats] = await own.execute<{ rows: number }>(sql`
      select (seq_tup_read + idx_tup_fetch)::int as rows from pg_stat_user_tables where relname = 'outbox'`);
    return stats?.rows ?? 0;
  };
  for (const sentAt of [sql`now()`, sql`null`]) {
    await db.execute(sql`truncate outbox`);
    await inTransaction(own, (tx) =>
      tx.execute(sql`
        insert into outbox (topic, key, payload, sent_at)
        select 'order.events', 'k', '{}', ${sentAt} from generate_series(1, 40000)`),
    );
    await own.execute(sql`analyze outbox`);
    const before = await read();
    await purge({ own });
    expect((await readBacklog(own, 100)).unsent).toBeLessThanOrEqual(100);
    expect((await read()) - before).toBeLessThan(12_000);
  }
  await own.$client.end({ timeout: 2 });
});

test("an outbox that cannot be purged does not keep the inbox from it", async () => {
  const impatient = connectDatabase({ url: database.url, applicationName: "test", statementTimeoutMs: 2_000 });
  await inTransaction(db, async (tx) => {
    await tx.execute(sql`insert into inbox (message_id, handled_at) values ('old', now() - interval '15 days')`);
  });
  await inTransaction(db, async (tx) => {
    await tx.execute(sql`lock table outbox in exclusive mode`);
    await purge({ own: impatient });
  });
  expect(await db.execute(sql`select from inbox`)).toHaveLength(0);
  await impatient.$client.end({ timeout: 2 });
});

test("the inbox knows a message for longer than Kafka keeps it, and than it can be sent again", () => {
  const kafkaKeepsMs = 7 * 24 * 3_600_000;
  expect(defaultRetention.inboxMs).toBeGreaterThan(kafkaKeepsMs + defaultRetention.sentOutboxMs);
});
