import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import { sql } from "drizzle-orm";
import postgres from "postgres";
import { createEmptyDatabase, type TestDatabase } from "@shop/testing/database";
import { connectDatabase, type Database } from "./connect.ts";
import { isTransient } from "./errors.ts";
import { connectReader, type Reader } from "./reader.ts";
import { inTransaction } from "./transaction.ts";

const CONNECTIONS = 4;

let database: TestDatabase;
let operator: postgres.Sql;
let db: Database;
let reader: Reader;

beforeAll(async () => {
  database = await createEmptyDatabase();
  operator = postgres(database.url, { max: 1, onnotice: () => undefined });
});
afterAll(async () => {
  await operator.end();
  await database.drop();
});
beforeEach(async () => {
  await operator`create table goods (id int primary key, n int not null, flag boolean not null default true, bytes bytea)`;
  await operator`insert into goods values (1, 0)`;
  db = connectDatabase({ url: database.url, applicationName: "session", max: CONNECTIONS });
  reader = connectReader({ url: database.url, applicationName: "session, reads", max: CONNECTIONS });
});
afterEach(async () => {
  await Promise.all([db.$client.end({ timeout: 1 }), reader.end()]);
  await operator`drop table goods`;
});

/** Several statements of each kind, all of which are prepared. */
const count = (using: Pick<Database, "execute">) =>
  using.execute<{ n: number; flag: boolean; bytes: Uint8Array | null }>(
    sql`select n, flag, bytes from goods where id = ${1}`,
  );
const addOne = () =>
  inTransaction(db, async (tx) => {
    await tx.execute(sql`select n from goods where id = ${1} for update`);
    await tx.execute(sql`update goods set n = n + ${1} where id = ${1}`);
    await count(tx);
  });
const read = () => count(reader.during(new AbortController().signal));

/** Runs something on each of the pool's connections, all of them held at once. */
async function onEach(statement: string): Promise<void> {
  const held = await Promise.all(Array.from({ length: CONNECTIONS }, () => db.$client.reserve()));
  await Promise.all(held.map((session) => session.unsafe(statement).simple()));
  for (const session of held) session.release();
}

/** Keeps statements of every kind going. @returns ends them and tells what failed, and how many transactions were committed */
function load() {
  let goesOn = true;
  let committed = 0;
  const failures: unknown[] = [];
  const repeat = async (work: () => Promise<unknown>, done: () => void) => {
    while (goesOn) {
      try {
        await work();
        done();
      } catch (error) {
        failures.push(error);
      }
    }
  };
  const running = [
    ...Array.from({ length: 4 }, () => repeat(addOne, () => (committed += 1))),
    ...Array.from({ length: 2 }, () =>
      repeat(
        async () => count(db),
        () => {},
      ),
    ),
    ...Array.from({ length: 2 }, () =>
      repeat(
        async () => read(),
        () => {},
      ),
    ),
  ];
  return async () => {
    goesOn = false;
    await Promise.all(running);
    return { failures, committed };
  };
}

describe.each([
  [
    "a column's type is changed",
    (round: number) => operator.unsafe(`alter table goods alter column n type ${round % 2 === 0 ? "bigint" : "int"}`),
  ],
  [
    "a column is added to what a statement reads",
    (round: number) => operator.unsafe(`alter table goods add column c${round} int not null default 0`),
  ],
  ["sessions forget everything (DISCARD ALL)", () => onEach("discard all")],
  ["sessions lose their prepared statements (DEALLOCATE ALL)", () => onEach("deallocate all")],
] as const)("while %s", (_what, change) => {
  test("every transaction is committed once and every read is answered", async () => {
    // What is read as `*` changes with the table.
    const all = () => inTransaction(db, (tx) => tx.execute(sql`select * from goods where id = ${1}`));
    await Promise.all(Array.from({ length: CONNECTIONS * 3 }, () => Promise.all([addOne(), count(db), read(), all()])));
    const [before] = await operator`select n::int from goods`;
    const end = load();
    for (let round = 0; round < 6; round += 1) {
      await change(round);
      await Promise.all(Array.from({ length: CONNECTIONS }, all));
    }
    const { failures, committed } = await end();
    expect(failures).toEqual([]);
    const [after] = await operator`select n::int from goods`;
    expect(after?.["n"] - before?.["n"]).toBe(committed);
  }, 120_000);
});

test("a statement that its session had forgotten writes and finds the same values as before", async () => {
  const bytes = Buffer.from([0, 1, 254, 255]);
  const write = (flag: boolean) =>
    db.$client.unsafe("update goods set flag = $1, bytes = $2 where id = 1", [flag, bytes]);
  const find = () => db.$client.unsafe("select flag, bytes from goods where bytes = $1 and flag = $2", [bytes, true]);
  await onEach("select 1");
  await Promise.all(Array.from({ length: 20 }, () => Promise.all([write(true), find()])));
  for (const value of [true, false, true]) {
    await onEach("discard all");
    await Promise.all(Array.from({ length: CONNECTIONS }, () => write(value)));
    expect(await operator`select flag, bytes from goods`).toEqual([{ flag: value, bytes }] as never);
  }
  await onEach("discard all");
  expect(await find()).toEqual([{ flag: true, bytes }] as never);
});

test.each(["discard all", "deallocate all"])(
  "a transaction on a session that has lost what it had prepared (%s) has committed what it says that it has",
  async (forget) => {
    const one = connectDatabase({ url: database.url, applicationName: "session", max: 1 });
    await inTransaction(one, (tx) => tx.execute(sql`select 1`));
    await one.$client.unsafe(forget).simple();
    // No statement of its own was prepared there before; whatever ends a transaction was.
    await inTransaction(one, (tx) => tx.execute(sql`update goods set n = n + ${10}`));
    expect(await operator`select n from goods`).toEqual([{ n: 10 }] as never);
    await one.$client.end();
  },
);

test("a role's and a database's own settings change nothing of a session", async () => {
  const role = `hostile_${crypto.randomUUID().replaceAll("-", "")}`;
  await operator.unsafe(`create role ${role} login password 'hostile'; grant all on goods to ${role}`);
  await operator.unsafe(`create schema ${role} create table goods (id int, n int)`);
  const url = new URL(database.url);
  url.username = role;
  url.password = "hostile";
  const shown = [
    ...["TimeZone", "DateStyle", "IntervalStyle", "bytea_output", "extra_float_digits", "standard_conforming_strings"],
    ...["client_encoding", "search_path", "default_transaction_isolation", "default_transaction_read_only"],
    ...["default_transaction_deferrable", "statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout"],
    "idle_session_timeout",
  ];
  const settings = async (of: Pick<Database, "execute">) =>
    of.execute(sql`select name, setting from pg_settings where name = any(${`{${shown.join(",")}}`}::text[])`);
  const [expected, expectedOfReads] = [await settings(db), await settings(reader.during(new AbortController().signal))];
  expect(expected).toHaveLength(shown.length);
  // Less than the time within which a call is answered: its connection is free again by then.
  expect(expected).toContainEqual({ name: "lock_timeout", setting: "1000" });
  for (const setting of [
    ...["TimeZone = 'Asia/Kathmandu'", "DateStyle = 'SQL, DMY'", "IntervalStyle = 'sql_standard'"],
    ...["bytea_output = 'escape'", "extra_float_digits = -15", "standard_conforming_strings = off"],
    ...["client_encoding = 'LATIN1'", `search_path = ${role}`, "default_transaction_isolation = 'serializable'"],
    ...["default_transaction_read_only = on", "default_transaction_deferrable = on", "statement_timeout = '1ms'"],
    ...["lock_timeout = '1ms'", "idle_in_transaction_session_timeout = '1ms'", "idle_session_timeout = '1ms'"],
  ])
    await operator.unsafe(`alter role ${role} set ${setting}`);

  const theirs = connectDatabase({ url: url.href, applicationName: "session" });
  const theirReader = connectReader({ url: url.href, applicationName: "session, reads" });
  try {
    expect([...(await settings(theirs))]).toEqual([...expected]);
    expect([...(await settings(theirReader.during(new AbortController().signal)))]).toEqual([...expectedOfReads]);
    await inTransaction(theirs, async (tx) => {
      const [row] = await tx.execute(sql`
        select '\\x00ff'::bytea as bytes, 0.1::float8 + 0.2 as sum, '2026-11-30T00:00:00Z'::timestamptz::text as at,
          current_setting('transaction_isolation') as isolation, '한' as text`);
      expect(row).toEqual({
        ...{ bytes: Buffer.from([0, 255]), sum: 0.1 + 0.2, at: "2026-11-30 00:00:00+00" },
        ...{ isolation: "read committed", text: "한" },
      });
      await tx.execute(sql`update goods set n = 7 where id = 1`);
    });
    expect(await operator`select n from goods`).toEqual([{ n: 7 }] as never);
  } finally {
    await Promise.all([theirs.$client.end(), theirReader.end()]);
    await operator.unsafe(`drop schema ${role} cascade; drop owned by ${role}; drop role ${role}`);
  }
}, 120_000);

test("a session that has become read-only, as that of a demoted server, is left for a new one, and the work is done there", async () => {
  await Promise.all(Array.from({ length: CONNECTIONS }, addOne));
  await onEach("set session characteristics as transaction read only");
  const before = await pids();
  await addOne();
  expect(await operator`select n from goods`).toEqual([{ n: CONNECTIONS + 1 }] as never);
  expect((await pids()).some((pid) => !before.includes(pid))).toBe(true);
});

async function pids(): Promise<readonly number[]> {
  const rows = await operator<{ pid: number }[]>`select pid from pg_stat_activity where application_name = 'session'`;
  return rows.map(({ pid }) => pid);
}

test("a fault of the work itself is not repeated for ever, and nothing of it is kept", async () => {
  let runs = 0;
  const outcome = inTransaction(db, async (tx) => {
    runs += 1;
    await tx.execute(sql`update goods set n = n + 1`);
    await tx.execute(sql`select no_such_function(${1})`);
  });
  expect(await outcome.catch(isTransient)).toBe(false);
  expect(runs).toBe(1);
  expect(await operator`select n from goods`).toEqual([{ n: 0 }] as never);
});

describe("a statement of a call that only reads", () => {
  const running = async () =>
    operator`select from pg_stat_activity where application_name = 'session, reads' and state = 'active'`;
  const until = async (met: () => Promise<boolean>) => {
    for (const deadline = performance.now() + 20_000; !(await met());)
      if (performance.now() > deadline) throw new Error("it has not come about");
  };

  test("is cancelled when its call ends, and those behind it are never sent", async () => {
    const slow = connectReader({
      ...{ url: database.url, applicationName: "session, reads" },
      max: 2,
      statementTimeoutMs: 60_000,
    });
    const call = new AbortController();
    const statements = Array.from({ length: 6 }, async () =>
      slow.during(call.signal).execute(sql`select pg_sleep(50)`),
    );
    const outcomes = Promise.allSettled(statements);
    await until(async () => (await running()).length === 2);
    call.abort();
    for (const outcome of await outcomes) {
      expect(outcome.status === "rejected" && isTransient(outcome.reason)).toBe(true);
    }
    await until(async () => (await running()).length === 0);
    expect(await slow.during(new AbortController().signal).execute(sql`select 1 as one`)).toMatchObject([{ one: 1 }]);
    await expect((async () => slow.during(call.signal).execute(sql`select 1`))()).rejects.toThrow();
    await slow.end();
  }, 120_000);

  test("is not affected by the cancel of another call's, however close they come", async () => {
    const one = connectReader({
      url: database.url,
      applicationName: "session, reads",
      max: 1,
      statementTimeoutMs: 10_000,
    });
    for (let round = 0; round < 60; round += 1) {
      const call = new AbortController();
      const cancelled = Promise.resolve(one.during(call.signal).execute(sql`select pg_sleep(0.002)`)).catch(
        () => undefined,
      );
      const others = Array.from({ length: 3 }, async () =>
        one.during(new AbortController().signal).execute(sql`select 1 as one, pg_sleep(0.001)`),
      );
      await Bun.sleep(round % 5);
      call.abort();
      await cancelled;
      for (const rows of await Promise.all(others)) expect(rows).toMatchObject([{ one: 1 }]);
    }
    await one.end();
  }, 120_000);

  test("is repeated when an operator or a failover ends its session", async () => {
    const answer = (async () =>
      reader.during(new AbortController().signal).execute(sql`select 1 as one, pg_sleep(1)`))();
    await until(async () => (await running()).length === 1);
    await operator`select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'session, reads'`;
    expect(await answer).toMatchObject([{ one: 1 }]);
  }, 120_000);

  test("is ended by the server when its time is over, whatever becomes of the process", async () => {
    const short = connectReader({ url: database.url, applicationName: "session, reads", statementTimeoutMs: 200 });
    const outcome = (async () => short.during(new AbortController().signal).execute(sql`select pg_sleep(30)`))();
    expect(await outcome.catch(isTransient)).toBe(true);
    await until(async () => (await running()).length === 0);
    await short.end();
  }, 120_000);
});
