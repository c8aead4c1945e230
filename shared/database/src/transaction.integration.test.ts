import { afterAll, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import postgres from "postgres";
import { sql } from "drizzle-orm";
import { createEmptyDatabase, type TestDatabase } from "@shop/testing/database";
import { settled } from "@shop/testing/settled";
import { connectDatabase, type Database } from "./connect.ts";
import { jsonValue, statement, uuidsValue } from "./statement.ts";
import { afterCommit, alongside, inSavepoint, inTransaction } from "./transaction.ts";

let database: TestDatabase;
/** One connection, so that a test knows the session of the next transaction. */
let db: Database;

beforeAll(async () => {
  database = await createEmptyDatabase();
  db = connectDatabase({ url: database.url, applicationName: "test", max: 1 });
  await db.execute(sql`create table thing (id uuid primary key, n int)`);
});
beforeEach(async () => {
  await db.execute(sql`truncate thing`);
});
afterAll(async () => {
  await db.$client.end({ timeout: 2 });
  await database.drop();
});

const insert = statement<never, "rows">(
  (value) => sql`insert into thing select id, n from json_to_recordset(${value("rows")}::json) as r(id uuid, n int)`,
);
const find = statement<{ n: number }, "ids">(
  (value) => sql`select n from thing where id = any(${value("ids")}::uuid[]) order by n`,
);

const uuid = () => crypto.randomUUID();
const rowOf = (id: string, n = 1) => ({ rows: jsonValue([{ id, n }]) });
const ids = async () => (await db.execute<{ id: string }>(sql`select id from thing order by id`)).map(({ id }) => id);
const codeOf = (error: unknown) => (error as { cause?: { code?: string } }).cause?.code;

test("a statement whose text is put together once takes other values each time", async () => {
  const all = [uuid(), uuid(), uuid()];
  await inTransaction(db, async (tx) => {
    for (const [n, id] of all.entries()) await insert(tx, rowOf(id, n));
    expect(await find(tx, { ids: uuidsValue(all.slice(1)) })).toMatchObject([{ n: 1 }, { n: 2 }]);
    expect(await find(tx, { ids: uuidsValue([]) })).toHaveLength(0);
  });
  expect(await ids()).toEqual(all.toSorted());
});

describe("a statement that its transaction does not wait for", () => {
  test("is committed with it, in the order in which it was sent", async () => {
    const all = Array.from({ length: 20 }, uuid);
    for (const id of all)
      await inTransaction(db, (tx) => {
        alongside(tx, insert(tx, rowOf(id)));
        alongside(tx, tx.execute(sql`update thing set n = n + 1 where id = ${id}`));
        return Promise.resolve();
      });
    const rows = await db.execute<{ n: number }>(sql`select distinct n from thing`);
    expect([await ids(), [...rows]]).toEqual([all.toSorted(), [{ n: 2 }]]);
  });

  test("fails its transaction with its own error, and nothing is committed", async () => {
    const [first, second] = [uuid(), uuid()];
    await inTransaction(db, (tx) => insert(tx, rowOf(first)));
    const failed = await settled(
      inTransaction(db, async (tx) => {
        await insert(tx, rowOf(second));
        alongside(tx, insert(tx, rowOf(first)));
      }),
    );
    expect([codeOf(failed), await ids()]).toEqual(["23505", [first]]);
  });

  test("and what comes behind it fails with that error as well, whatever waits for it", async () => {
    const [first, second] = [uuid(), uuid()];
    await inTransaction(db, (tx) => insert(tx, rowOf(first)));
    const failed = await settled(
      inTransaction(db, async (tx) => {
        alongside(tx, insert(tx, rowOf(first)));
        await insert(tx, rowOf(second));
      }),
    );
    expect([codeOf(failed), await ids()]).toEqual(["23505", [first]]);
  });

  test("fails its transaction when it cannot even be sent", async () => {
    const id = uuid();
    const failed = await settled(
      inTransaction(db, async (tx) => {
        await insert(tx, rowOf(id));
        alongside(tx, Promise.reject(new Error("these rows cannot be written as JSON")));
      }),
    );
    expect([failed, await ids()]).toEqual([new Error("these rows cannot be written as JSON"), []]);
  });

  test("that its session has forgotten never runs outside of its transaction, which is run anew and committed once", async () => {
    const [before, id] = [uuid(), uuid()];
    await inTransaction(db, (tx) => insert(tx, rowOf(before)));
    await db.execute(sql`deallocate all`);
    let runs = 0;
    await inTransaction(db, (tx) => {
      runs += 1;
      alongside(tx, insert(tx, rowOf(id)));
      return Promise.resolve();
    });
    expect([runs, await ids()]).toEqual([2, [before, id].toSorted()]);
  });

  test("is answered before its savepoint ends, and fails that alone", async () => {
    const [first, second, third] = [uuid(), uuid(), uuid()];
    await inTransaction(db, async (tx) => {
      await insert(tx, rowOf(first));
      const failed = await settled(
        inSavepoint(tx, async (inner) => {
          await insert(inner, rowOf(second));
          alongside(inner, insert(inner, rowOf(first)));
        }),
      );
      expect(codeOf(failed)).toBe("23505");
      await inSavepoint(tx, (inner) => {
        alongside(inner, insert(inner, rowOf(third)));
        return Promise.resolve();
      });
    });
    expect(await ids()).toEqual([first, third].toSorted());
  });
});

test("what is called after a commit is called once, when others see the change, and not for what was rolled back", async () => {
  const id = uuid();
  const calls: string[] = [];
  const kept = () => void calls.push("kept");
  await inTransaction(db, async (tx) => {
    await insert(tx, rowOf(id));
    afterCommit(tx, kept);
    await inSavepoint(tx, (inner) => Promise.resolve(afterCommit(inner, kept)));
    const rolledBack = inSavepoint(tx, async (inner) => {
      afterCommit(inner, () => void calls.push("savepoint"));
      await inner.execute(sql`select 1 / 0`);
    });
    expect(codeOf(await settled(rolledBack))).toBe("22012");
    expect(calls).toEqual([]);
  });
  expect([calls, await ids()]).toEqual([["kept"], [id]]);

  const failed = inTransaction(db, async (tx) => {
    afterCommit(tx, () => void calls.push("transaction"));
    alongside(tx, insert(tx, rowOf(id)));
  });
  expect(codeOf(await settled(failed))).toBe("23505");
  expect(calls).toEqual(["kept"]);
});

describe("a BEGIN that fails on a session that lives", () => {
  test("lets no statement run that may not go with it, and leaves the connection usable", async () => {
    const pool = postgres(database.url, { max: 1 });
    const seen: unknown[] = [];
    const failed = settled(
      pool.begin("isolation level of no kind", async (tx) => {
        const read = tx.unsafe("select 1 as one", [], { prepare: true, ahead: true }).execute();
        const write = settled(tx`insert into thing values (${uuid()}, 1)`);
        seen.push([...(await read)], await write);
        await tx`insert into thing values (${uuid()}, 2)`;
      }),
    );
    expect(await failed).toHaveProperty("code", "42601");
    expect(seen).toMatchObject([[{ one: 1 }], { code: "42601" }]);
    expect(await ids()).toEqual([]);
    expect(await settled(pool`select 1 as one`)).toHaveLength(1);
    await pool.end();
  });
});
