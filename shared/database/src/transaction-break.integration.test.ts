import { afterAll, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import postgres from "postgres";
import { sql } from "drizzle-orm";
import { createEmptyDatabase, type TestDatabase } from "@shop/testing/database";
import { endSession, pidOf } from "@shop/testing/sessions";
import { settled } from "@shop/testing/settled";
import { connectDatabase } from "./connect.ts";
import { isTransient } from "./errors.ts";
import { setLockWait } from "./locks.ts";
import { inTransaction } from "./transaction.ts";

let database: TestDatabase;
/** A session of its own that looks on and ends the others'. */
let operator: postgres.Sql;

beforeAll(async () => {
  database = await createEmptyDatabase();
  operator = postgres(database.url, { max: 1, onnotice: () => undefined });
  await operator`create table orders (id uuid primary key)`;
  await operator`create table outbox (order_id uuid primary key)`;
});

afterAll(async () => {
  await operator.end();
  await database.drop();
});

beforeEach(async () => {
  await operator`truncate orders, outbox`;
});

/** Order ids that have a row in one of the two tables only. */
async function rowsWithoutTwin(): Promise<readonly string[]> {
  const rows = await operator<{ id: string }[]>`
    select coalesce(o.id, b.order_id) as id from orders o full join outbox b on b.order_id = o.id where o.id is null or b.order_id is null`;
  return rows.map(({ id }) => id);
}

async function ids(): Promise<readonly string[]> {
  return (await operator<{ id: string }[]>`select id from orders`).map(({ id }) => id);
}

describe("a transaction that falls silent, as that of a frozen process does", () => {
  test("gives back its locks, commits nothing more, and says so with an error after which it may be tried again", async () => {
    const frozen = connectDatabase({ url: database.url, applicationName: "test", silentTransactionTimeoutMs: 2_000 });
    const other = connectDatabase({ url: database.url, applicationName: "test" });
    const id = crypto.randomUUID();
    const { promise: locked, resolve: noticeLock } = Promise.withResolvers<void>();
    const { promise: thawed, resolve: thaw } = Promise.withResolvers<void>();
    const silent = inTransaction(frozen, async (tx) => {
      await tx.execute(sql`insert into orders values (${id})`);
      noticeLock();
      await thawed;
      await tx.execute(sql`insert into outbox values (${id})`);
    });
    const outcome = settled(silent);
    await locked;
    const waits = inTransaction(other, async (tx) => {
      await setLockWait(tx, 30_000);
      return tx.execute(sql`insert into orders values (${id})`);
    });
    expect(await settled(waits)).toHaveProperty("count", 1);
    thaw();
    expect(isTransient(await outcome)).toBe(true);
    expect(await operator`select 1 from outbox`).toHaveLength(0);
    await Promise.all([frozen.$client.end(), other.$client.end()]);
  });
});

describe("a transaction whose session the server ends", () => {
  test("between two statements, in an idle pool, commits nothing and does not crash the process", async () => {
    const pool = postgres(database.url, { max: 2 });
    const { promise: lost, resolve: noticeLoss } = Promise.withResolvers<void>();
    const { promise: second, resolve: keepSecond } = Promise.withResolvers<Promise<unknown>[]>();
    const transaction = pool.begin(async (tx) => {
      const id = crypto.randomUUID();
      await tx`insert into orders values (${id})`;
      await endSession(operator, await pidOf(tx));
      await lost;
      const late = settled(tx`insert into outbox values (${id})`);
      const nested = settled(tx.savepoint((point) => point`insert into orders values (${crypto.randomUUID()})`));
      keepSecond([late, nested]);
      await late;
    });
    expect(await settled(transaction)).toHaveProperty("code", "CONNECTION_CLOSED");
    noticeLoss();
    for (const statement of await second) expect(await statement).toHaveProperty("code", "CONNECTION_CLOSED");
    expect(await rowsWithoutTwin()).toEqual([]);
    expect(await settled(pool`select 1 as one`)).toHaveLength(1);
    await pool.end();
  });

  test("between two statements, in a busy pool, leaves the later ones unexecuted though the connection is in use again", async () => {
    const pool = postgres(database.url, { max: 1 });
    const someoneElse = () => settled(pool`select 1`);
    const { promise: lost, resolve: noticeLoss } = Promise.withResolvers<void>();
    const { promise: second, resolve: keepSecond } = Promise.withResolvers<Promise<unknown>>();
    const transaction = pool.begin(async (tx) => {
      const id = crypto.randomUUID();
      await tx`insert into orders values (${id})`;
      const pid = await pidOf(tx);
      const other = someoneElse();
      await endSession(operator, pid);
      await lost;
      await other;
      const late = settled(tx`insert into outbox values (${id})`);
      keepSecond(late);
      await late;
    });
    expect(await settled(transaction)).toHaveProperty("code", "CONNECTION_CLOSED");
    noticeLoss();
    expect(await await second).toHaveProperty("code", "CONNECTION_CLOSED");
    expect(await rowsWithoutTwin()).toEqual([]);
    await pool.end();
  });

  test("while statements of its own wait for their turn, leaves none of them pending", async () => {
    const pool = postgres(database.url, { max: 1 });
    const { promise: waiting, resolve: keepWaiting } = Promise.withResolvers<Promise<unknown>[]>();
    const transaction = pool.begin(async (tx) => {
      const pid = await pidOf(tx);
      const statements = [
        settled(tx`select pg_sleep(${30}::int)`),
        settled(tx`insert into orders values (${crypto.randomUUID()})`),
        settled(tx`insert into outbox values (${crypto.randomUUID()})`),
      ];
      await endSession(operator, pid);
      keepWaiting(statements);
      await Promise.all(statements);
    });
    expect(await settled(transaction)).toBeInstanceOf(Error);
    for (const statement of await waiting) expect(isTransient(await statement)).toBe(true);
    expect(await settled(pool`select 1 as one`)).toHaveLength(1);
    expect(await rowsWithoutTwin()).toEqual([]);
    await pool.end();
  });
});

test("a statement that comes after its transaction was rolled back is refused", async () => {
  const pool = postgres(database.url, { max: 1 });
  const { promise: rolledBack, resolve: noticeRollback } = Promise.withResolvers<void>();
  const { promise: straggler, resolve: keepStraggler } = Promise.withResolvers<Promise<unknown>>();
  const transaction = pool.begin(async (tx) => {
    const id = crypto.randomUUID();
    keepStraggler(rolledBack.then(() => settled(tx`insert into orders values (${id})`)));
    await tx`select 1 / 0`;
  });
  expect(await settled(transaction)).toHaveProperty("code", "22012");
  noticeRollback();
  expect(await await straggler).toHaveProperty("code", "TRANSACTION_ENDED");
  expect(await rowsWithoutTwin()).toEqual([]);
  await pool.end();
});

test("a transaction gets a connection to itself however many statements are under way on all of them", async () => {
  const pool = postgres(database.url, { max: 2 });
  await Promise.all([pool`select 1`, pool`select 1`]);
  // The driver sends up to 100 statements ahead on a connection: these fill two.
  const others = Array.from({ length: 200 }, () => pool`select 1`.execute());
  const transactions = Array.from({ length: 2 }, () =>
    pool.begin((tx) => tx`insert into orders values (${crypto.randomUUID()})`),
  );
  const outcomes = await Promise.all([...others, ...transactions].map((one) => settled<unknown>(one)));
  expect(outcomes.filter((outcome) => outcome instanceof Error)).toEqual([]);
  expect(await operator`select id from orders`).toHaveLength(2);
  await pool.end();
});

describe.each([
  { pool: "busy", connections: 4, inFlight: 16 },
  { pool: "idle", connections: 8, inFlight: 2 },
])("while sessions of a $pool pool are ended at random", ({ connections, inFlight }) => {
  test("an order and its outbox row are committed together or not at all, and every caller hears of it", async () => {
    const name = `shop-${crypto.randomUUID()}`;
    const db = connectDatabase({ url: database.url, applicationName: name, max: connections });
    const startedAt = performance.now();
    const committed: string[] = [];
    let broken = 0;
    const goesOn = () => {
      const enough = performance.now() - startedAt > 1_500 && committed.length > 10 && broken > 10;
      return !enough && performance.now() - startedAt < 90_000;
    };

    async function orders(): Promise<void> {
      while (goesOn()) {
        const id = crypto.randomUUID();
        const outcome = await settled(
          inTransaction(db, async (tx) => {
            await tx.execute(sql`insert into orders values (${id})`);
            await tx.execute(sql`insert into outbox values (${id})`);
          }),
        );
        if (outcome instanceof Error) {
          expect(outcome.message).not.toBe("still pending");
          broken += 1;
        } else committed.push(id);
      }
    }
    async function sessionsEnd(): Promise<void> {
      while (goesOn()) {
        await operator`
          select pg_terminate_backend(pid) from pg_stat_activity where application_name = ${name} and backend_type = 'client backend' order by random() limit 1`;
        // On a machine that is short of time some transactions must get through in between.
        await Bun.sleep(committed.length < broken ? 50 : 5);
      }
    }
    await Promise.all([sessionsEnd(), ...Array.from({ length: inFlight }, orders)]);

    expect(broken).toBeGreaterThan(10);
    expect(committed.length).toBeGreaterThan(10);
    expect(await rowsWithoutTwin()).toEqual([]);
    const stored = new Set(await ids());
    expect(committed.filter((id) => !stored.has(id))).toEqual([]);
    expect(await settled(db.execute(sql`select 1 as one`))).toHaveLength(1);
    await db.$client.end({ timeout: 2 });
  });
});
