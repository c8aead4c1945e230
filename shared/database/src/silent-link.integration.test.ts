import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "bun:test";
import { sql } from "drizzle-orm";
import { createEmptyDatabase, type TestDatabase } from "@shop/testing/database";
import { type Direction, type Link, linkToDatabase } from "@shop/testing/link";
import { settled } from "@shop/testing/settled";
import { connectDatabase, type Database } from "./connect.ts";
import { isTransient } from "./errors.ts";
import { inTransaction } from "./transaction.ts";

/** Many times what a statement takes on a slow machine. */
const ANSWER_TIMEOUT_MS = 2_000;

let database: TestDatabase;
let link: Link;
let db: Database;

beforeAll(async () => {
  database = await createEmptyDatabase();
});
afterAll(() => database.drop());

beforeEach(async () => {
  link = await linkToDatabase(database.url);
  db = connectDatabase({
    url: link.through(database.url),
    applicationName: "silent link",
    max: 3,
    answerTimeoutMs: ANSWER_TIMEOUT_MS,
  });
});
afterEach(async () => {
  await db.$client.end({ timeout: 1 });
  link.close();
});

/** Opens all of the pool's connections. */
const openAll = () => Promise.all([1, 2, 3].map(() => db.execute(sql`select pg_sleep(0.05)`)));

test.each<readonly [string, readonly Direction[]]>([
  ["in both directions", ["there", "back"]],
  ["towards the server", ["there"]],
  ["on the way back", ["back"]],
])(
  "a statement whose link is silently cut %s fails as transient, and after the heal the pool goes on",
  async (_how, directions) => {
    await openAll();
    link.cut(...directions);
    const failed = await settled(db.execute(sql`select 1`));
    expect(isTransient(failed)).toBe(true);
    expect(failed).toHaveProperty("cause.code", "CONNECTION_SILENT");
    link.heal();
    // Not one of the connections that lay idle meanwhile is used again: each would be a further wait for nothing.
    for (let count = 0; count < 5; count += 1) {
      expect(await settled(db.execute(sql`select 1 as one`), ANSWER_TIMEOUT_MS)).toHaveLength(1);
    }
  },
);

test("a transaction whose link is silently cut fails, and none of its later statements runs elsewhere", async () => {
  await db.execute(sql`create table written (n int)`);
  const outcome = await settled(
    inTransaction(db, async (tx) => {
      await tx.execute(sql`insert into written values (1)`);
      link.cut();
      const first = await settled(tx.execute(sql`insert into written values (2)`));
      link.heal();
      await tx.execute(sql`insert into written values (3)`);
      return first;
    }),
  );
  expect(isTransient(outcome)).toBe(true);
  expect(await settled(db.execute(sql`select n from written`))).toHaveLength(0);
});

test("connections that lie idle, statements that answer late and rows that come slowly are left alone", async () => {
  const [before] = await db.execute(sql`select pg_backend_pid() as pid`);
  await Bun.sleep(2 * ANSWER_TIMEOUT_MS);
  const [after] = await db.execute(sql`select pg_backend_pid() as pid`);
  expect(after).toEqual(before);
  expect(
    await settled(db.execute(sql`select 1 as one, pg_sleep(${(0.5 * ANSWER_TIMEOUT_MS) / 1_000}::float8)`)),
  ).toHaveLength(1);
  const slow = db.$client.unsafe(`select repeat('x', 10000), pg_sleep(0.2) from generate_series(1, 10)`);
  expect(await settled(slow)).toHaveLength(10);
});
