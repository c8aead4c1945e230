import { expect, test } from "bun:test";
import { ManualClock } from "@shop/testing/clock";
import { createTestDatabase } from "@shop/testing/database";
import { linkToDatabase } from "@shop/testing/link";
import { eventually } from "@shop/testing/eventually";
import { settled } from "@shop/testing/settled";
import { connectDatabase } from "@shop/database/connect";
import { postgresDriver } from "@shop/database/driver";
import { inTransaction } from "@shop/database/transaction";
import { systemClock } from "@shop/runtime/clock";
import { sql } from "drizzle-orm";
import { messagingMigrations } from "../migrations.ts";
import { openRelaySession } from "./relay-session.ts";

const common = { driver: postgresDriver, clock: systemClock };

test("a session whose link is cut without a word is given up within seconds, and another one can lead", async () => {
  const database = await createTestDatabase({ migrations: [messagingMigrations] });
  const link = await linkToDatabase(database.url);
  const session = openRelaySession({ ...common, databaseUrl: link.through(database.url) });
  expect(await session.tryToLead()).toBe(true);
  link.cut();
  expect(await settled(session.markAndRead({ ids: [], ends: [] }, 1, []))).toMatchObject({
    message: expect.stringContaining("not answered"),
  });
  expect(session.holds()).toBe(false);
  expect(await settled(session.close())).toBeUndefined();
  const next = openRelaySession({ ...common, databaseUrl: database.url });
  expect(await next.tryToLead()).toBe(true);
  await next.close();
  link.close();
  await database.drop();
}, 120_000);

test("rows are read in the order of their ids, also when a transaction that began later was the first to write", async () => {
  const database = await createTestDatabase({ migrations: [messagingMigrations] });
  const db = connectDatabase({ url: database.url, applicationName: "test" });
  await inTransaction(db, (tx) =>
    tx.execute(sql`
      insert into outbox (topic, key, payload, created_at) values
        ('order.events', 'k', '{"n":1}', now()), ('order.events', 'k', '{"n":2}', now() - interval '1 second'),
        ('order.events', 'k', '{"n":3}', now() - interval '2 seconds')`),
  );
  const session = openRelaySession({ ...common, databaseUrl: database.url });
  expect(await session.tryToLead()).toBe(true);
  const rows = await session.markAndRead({ ids: [], ends: [] }, 10, []);
  expect(rows.map(({ payload }) => payload)).toEqual(['{"n":1}', '{"n":2}', '{"n":3}']);
  await session.close();
  await db.$client.end();
  await database.drop();
});

test("a row that another session has locked is not read again; later ones are, it is sent again with the others, and it is marked once it is free", async () => {
  const database = await createTestDatabase({ migrations: [messagingMigrations] });
  const db = connectDatabase({ url: database.url, applicationName: "test" });
  const insert = (n: number) =>
    inTransaction(db, (tx) =>
      tx.execute(
        sql`insert into outbox (topic, key, payload) values ('order.events', 'k', json_build_object('n', ${n}::int))`,
      ),
    );
  async function marked(): Promise<readonly string[]> {
    const rows = await db.execute<{ id: string }>(
      sql`select id::text from outbox where sent_at is not null order by id`,
    );
    return rows.map(({ id }) => id);
  }
  for (const n of [1, 2, 3, 4]) await insert(n);
  const session = openRelaySession({ ...common, databaseUrl: database.url });
  expect(await session.tryToLead()).toBe(true);
  const read = await session.markAndRead({ ids: [], ends: [] }, 3, []);
  const ends = [{ topic: "order.events", partition: 0, endOffset: 3n }] as const;
  const topicRecovery = { topic: "order.events", nextId: "0", lastId: "4" } as const;
  await inTransaction(db, async (other) => {
    await other.execute(sql`select from outbox where id in (2, 4) for update`);
    const next = await session.markAndRead({ ids: read.map(({ id }) => id), ends }, 10, []);
    expect(next.map(({ id }) => id)).toEqual(["4"]);
    expect(session.unmarked()).toBe(1);
    expect(await marked()).toEqual(["1", "3"]);
    expect(await session.publishedEnds()).toEqual([...ends]);
    expect((await session.readSent(topicRecovery, 10)).map(({ id }) => id)).toEqual(["1", "2", "3"]);
    await insert(5);
    const later = await session.markAndRead({ ids: ["4"], ends: [] }, 10, []);
    expect(later.map(({ id }) => id)).toEqual(["5"]);
    // As an operator might.
    await other.execute(sql`delete from outbox where id = 4`);
  });
  expect((await session.markAndRead({ ids: [], ends: [] }, 10, [])).map(({ id }) => id)).toEqual(["5"]);
  expect(session.unmarked()).toBe(0);
  expect(await marked()).toEqual(["1", "2", "3"]);
  await session.close();
  await db.$client.end();
  await database.drop();
}, 120_000);

test("a leader that is frozen loses the lead within seconds, and what it does when it thaws changes nothing; one that only waits keeps it", async () => {
  const database = await createTestDatabase({ migrations: [messagingMigrations] });
  const another = await createTestDatabase({ migrations: [messagingMigrations] });
  // As one does that cannot publish for as long as the broker is unavailable.
  const waiting = openRelaySession({ ...common, databaseUrl: another.url });
  expect(await waiting.tryToLead()).toBe(true);
  // Time stands still for it, so it does not speak up.
  const frozen = openRelaySession({ ...common, clock: new ManualClock(), databaseUrl: database.url });
  expect(await frozen.tryToLead()).toBe(true);
  const next = openRelaySession({ ...common, databaseUrl: database.url });
  expect(await next.tryToLead()).toBe(false);
  await eventually(async () => expect(await next.tryToLead()).toBe(true), { pauseMs: 200 });
  await eventually(() => expect(frozen.holds()).toBe(false));
  expect(waiting.holds()).toBe(true);
  await expect(frozen.markAndRead({ ids: [], ends: [] }, 1, [])).rejects.toThrow();
  await Promise.all([next, frozen, waiting].map((session) => session.close()));
  await Promise.all([database.drop(), another.drop()]);
}, 120_000);
