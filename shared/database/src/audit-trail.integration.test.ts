import { afterAll, beforeAll, beforeEach, expect, test } from "bun:test";
import { createTestDatabase, type TestDatabase } from "@shop/testing/database";
import { sql as query } from "drizzle-orm";
import postgres from "postgres";
import {
  appendAuditEntry,
  deleteAuditEntries,
  insertAuditEntriesAbout,
  listAuditEntries,
  type NewAuditEntry,
  verifyAuditTrail,
} from "./audit-trail.ts";
import { connectDatabase, type Database } from "./connect.ts";
import { inTransaction } from "./transaction.ts";

const DAY_MS = 24 * 3_600_000;
const [ALICE, BOB] = ["01939e6a-7c00-7000-8000-000000000001", "01939e6a-7c00-7000-8000-000000000002"];

let database: TestDatabase;
let db: Database;
/** Of the database's superuser, who can switch triggers off. */
let admin: postgres.Sql;

beforeAll(async () => {
  database = await createTestDatabase({ service: "user" });
  db = connectDatabase({ url: database.url, applicationName: "audit", max: 4 });
  admin = postgres(database.url, { max: 1, onnotice: () => undefined });
}, 120_000);
afterAll(async () => {
  await admin.end();
  await db.$client.end();
  await database.drop();
});
beforeEach(() => withoutTriggers((sql) => sql`truncate audit_entry`));

async function withoutTriggers(work: (sql: postgres.Sql) => Promise<unknown>): Promise<void> {
  await admin`alter table audit_entry disable trigger user`;
  await work(admin);
  await admin`alter table audit_entry enable trigger user`;
}

function entry(action: string, more: Partial<NewAuditEntry> = {}): NewAuditEntry {
  return {
    id: Bun.randomUUIDv7(),
    at: new Date(),
    action,
    actor: { id: ALICE, role: "admin" },
    subject: { type: "user", id: BOB },
    requestId: "request-1",
    userAgent: "test",
    clientAddress: "203.0.113.7",
    ...more,
  };
}

const append = (...entries: readonly NewAuditEntry[]) =>
  inTransaction(db, async (tx) => {
    for (const each of entries) await appendAuditEntry(tx, each);
  });
const actionsOf = async (filter: Parameters<typeof listAuditEntries>[1]) =>
  (await listAuditEntries(db, filter, { afterId: undefined, limit: 10 })).map(({ action }) => action);

test("an entry is listed as it was written, with the hash of the one before", async () => {
  await append(entry("FIRST"), entry("SECOND", { before: { role: "rider" }, after: { role: "admin" } }));
  const [second, first] = await listAuditEntries(db, {}, { afterId: undefined, limit: 10 });
  expect(second).toMatchObject({
    ...{ seq: 2, action: "SECOND", actorId: ALICE, actorRole: "admin", subjectType: "user", subjectId: BOB },
    ...{
      requestId: "request-1",
      userAgent: "test",
      clientAddress: "203.0.113.7",
      before: { role: "rider" },
      after: { role: "admin" },
    },
  });
  expect(first).toMatchObject({ seq: 1, before: null, previousHash: Buffer.alloc(32) });
  expect(second?.previousHash).toEqual(first?.hash ?? Buffer.alloc(0));
  expect(await verifyAuditTrail(db)).toEqual({
    entries: 2,
    head: { seq: 2, hash: second?.hash.toString("hex") ?? "" },
    brokenAt: undefined,
  });
});

test("entries of many transactions at once, some of which are rolled back, are numbered without a gap", async () => {
  const outcomes = await Promise.allSettled(
    Array.from({ length: 30 }, (_, index) =>
      inTransaction(db, async (tx) => {
        await appendAuditEntry(tx, entry(`ACT_${index}`));
        if (index % 3 === 0) throw new Error("rolled back");
      }),
    ),
  );
  expect(outcomes.filter(({ status }) => status === "fulfilled")).toHaveLength(20);
  expect(await verifyAuditTrail(db)).toMatchObject({ entries: 20, head: { seq: 20 }, brokenAt: undefined });
});

test("the entries that one statement writes continue the chain, and are only about rows that it has changed", async () => {
  await append(entry("BEFORE"));
  const entries = [ALICE, BOB, ALICE].map((rowId, index) => ({ rowId, entry: entry(`ABOUT_${index}`) }));
  await db.execute(query`with changed as (select ${ALICE}::uuid as id),
    audited as (${insertAuditEntriesAbout(entries, query`select id from changed`)}) select id from changed`);
  expect(await actionsOf({})).toEqual(["ABOUT_2", "ABOUT_0", "BEFORE"]);
  expect(await verifyAuditTrail(db)).toMatchObject({ entries: 3, head: { seq: 3 }, brokenAt: undefined });
});

test("nothing can be changed, removed or emptied", async () => {
  await append(entry("KEPT"));
  const refused = expect.objectContaining({ code: "42501" });
  expect(await admin`update audit_entry set action = 'OTHER'`.catch((error: unknown) => error)).toEqual(refused);
  expect(await admin`delete from audit_entry`.catch((error: unknown) => error)).toEqual(refused);
  expect(await admin`truncate audit_entry`.catch((error: unknown) => error)).toEqual(refused);
  expect(await actionsOf({})).toEqual(["KEPT"]);
});

test.each([
  ["changed", (sql: postgres.Sql) => sql`update audit_entry set after = '{"role": "admin"}' where seq = 2`, 2],
  ["removed", (sql: postgres.Sql) => sql`delete from audit_entry where seq = 2`, 3],
  [
    "changed with its own hash",
    (sql: postgres.Sql) =>
      sql`with changed as (update audit_entry set action = 'X' where seq = 2 returning *)
          select 1 from changed`.then(
        () => sql`update audit_entry as entry set hash = audit_entry_hash(entry) where seq = 2`,
      ),
    3,
  ],
  ["given another address", (sql: postgres.Sql) => sql`update audit_entry set client_address = null where seq = 2`, 2],
] as const)("an entry that was %s behind the triggers' back is found", async (_how, tamper, brokenAt) => {
  await append(entry("ONE"), entry("TWO"), entry("THREE"));
  await withoutTriggers(tamper);
  expect(await verifyAuditTrail(db)).toMatchObject({ brokenAt });
});

test("the oldest entries can be deleted after 400 days, and what is left still fits", async () => {
  const old = (days: number) => new Date(Date.now() - days * DAY_MS);
  await append(entry("OLDEST", { at: old(500) }), entry("OLD", { at: old(401) }), entry("YOUNG", { at: old(399) }));
  await deleteAuditEntries(db, old(400));
  expect(await actionsOf({})).toEqual(["YOUNG"]);
  expect(await verifyAuditTrail(db)).toMatchObject({ entries: 1, head: { seq: 3 }, brokenAt: undefined });
  expect(deleteAuditEntries(db, old(1))).rejects.toThrow();
  expect(await actionsOf({})).toEqual(["YOUNG"]);
});

test("entries are found by what was done, by whom, to what and when", async () => {
  const id = (atMs: number) =>
    `${atMs
      .toString(16)
      .padStart(12, "0")
      .replace(/^(.{8})/, "$1-")}-7000-8000-000000000001`;
  const at = (second: number) => ({ at: new Date(second * 1_000), id: id(second * 1_000) });
  await append(
    entry("A", at(1)),
    entry("B", { ...at(2), actor: { id: BOB, role: "rider" }, subject: { type: "user", id: ALICE } }),
    entry("A", { ...at(3), actor: undefined, subject: { type: "order", id: undefined } }),
  );
  expect(await actionsOf({ action: "A" })).toEqual(["A", "A"]);
  expect(await actionsOf({ action: "A", actorId: ALICE })).toEqual(["A"]);
  expect(await actionsOf({ subjectId: ALICE })).toEqual(["B"]);
  expect(await actionsOf({ subjectId: ALICE, actorId: ALICE })).toEqual([]);
  expect(await actionsOf({ from: new Date(2_000) })).toEqual(["A", "B"]);
  expect(await actionsOf({ until: new Date(2_000) })).toEqual(["A"]);
  const behind = await listAuditEntries(db, { action: "A" }, { afterId: id(3_000), limit: 10 });
  expect(behind.map(({ seq }) => seq)).toEqual([1]);
});
