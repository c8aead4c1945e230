import { afterAll, beforeAll, expect, test } from "bun:test";
import { serviceNames } from "@shop/contracts/services";
import { createTestDatabase, type TestDatabase } from "@shop/testing/database";
import postgres from "postgres";
import { ADVISORY_LOCKS } from "./advisory-locks.ts";
import { APPEND_ONLY_TABLES, grantRunTimeRole } from "./run-time-role.ts";

const databases = new Map<string, TestDatabase>();
const clients: postgres.Sql[] = [];

beforeAll(async () => {
  for (const service of serviceNames) {
    const database = await createTestDatabase({ service });
    databases.set(service, database);
    await grantRunTimeRole(database.url, database.runTimeUrl);
  }
}, 120_000);
afterAll(async () => {
  await Promise.all(clients.map((client) => client.end({ timeout: 2 })));
  for (const database of databases.values()) await database.drop();
});

function of(service: string): TestDatabase {
  const found = databases.get(service);
  if (found === undefined) throw new Error(`no database for ${service}`);
  return found;
}

function connect(url: string): postgres.Sql {
  const client = postgres(url, { max: 1, onnotice: () => undefined });
  clients.push(client);
  return client;
}

async function tablesOf(sql: postgres.Sql): Promise<readonly string[]> {
  const rows = await sql`select tablename from pg_tables where schemaname = 'public' order by 1`;
  return rows.map(({ tablename }) => String(tablename));
}

/** @returns the SQLSTATE with which a statement is refused, or `done` */
const outcome = (sql: postgres.Sql, statement: string) =>
  sql.unsafe(statement).then(
    () => "done",
    (error: unknown) => (error instanceof postgres.PostgresError ? error.code : String(error)),
  );

const NOT_ALLOWED = "42501";

test.each(serviceNames)(
  "the run-time role of %s reads and writes rows, and can change, empty or add no table",
  async (service) => {
    const sql = connect(of(service).runTimeUrl);
    const tables = await tablesOf(connect(of(service).url));
    expect(tables.length).toBeGreaterThan(5);
    for (const table of tables) {
      const name = `"${table}"`;
      const isAppendOnly = APPEND_ONLY_TABLES.includes(table);
      const [column] =
        await sql`select column_name from information_schema.columns where table_name = ${table} and is_identity = 'NO'`;
      const set = `"${String(column?.["column_name"])}" = "${String(column?.["column_name"])}"`;
      expect({
        table,
        select: await outcome(sql, `select from ${name} limit 1`),
        update: await outcome(sql, `update ${name} set ${set} where false`),
        delete: await outcome(sql, `delete from ${name} where false`),
        truncate: await outcome(sql, `truncate ${name} cascade`),
        alter: await outcome(sql, `alter table ${name} add column more int`),
        triggers: await outcome(sql, `alter table ${name} disable trigger user`),
        index: await outcome(sql, `create index on ${name} (${name})`),
        drop: await outcome(sql, `drop table ${name} cascade`),
      }).toEqual({
        table,
        select: "done",
        update: isAppendOnly ? NOT_ALLOWED : "done",
        delete: isAppendOnly ? NOT_ALLOWED : "done",
        ...{ truncate: NOT_ALLOWED, alter: NOT_ALLOWED, triggers: NOT_ALLOWED, index: NOT_ALLOWED, drop: NOT_ALLOWED },
      });
    }
    for (const statement of [
      "create table mine (id int)",
      "create temporary table mine (id int)",
      "create schema mine",
      "create function mine() returns int language sql as 'select 1'",
      "create role another",
      "create database another",
      "insert into drizzle.__drizzle_migrations (hash, created_at) values ('x', 1)",
      "delete from drizzle.__drizzle_migrations",
      `alter role "${new URL(of(service).url).username}" password 'stolen'`,
      "set session_replication_role = replica",
      "copy (select 1) to program 'true'",
      "select pg_read_file('PG_VERSION')",
    ])
      expect([statement, await outcome(sql, statement)]).toEqual([statement, NOT_ALLOWED]);
  },
);

test("rights are granted while a replica holds its locks: one that starts waits for none that works", async () => {
  const { url, runTimeUrl } = of("order");
  const replica = connect(url);
  for (const lock of [ADVISORY_LOCKS.relay, ADVISORY_LOCKS.orderSearch])
    await replica`select pg_advisory_lock(${lock})`;
  await grantRunTimeRole(url, runTimeUrl);
}, 30_000);

test("the run-time role of one service connects to no other service's database", async () => {
  for (const service of serviceNames) {
    for (const other of serviceNames.filter((name) => name !== service)) {
      const url = new URL(of(service).runTimeUrl);
      url.pathname = new URL(of(other).url).pathname;
      expect([service, other, await outcome(connect(url.href), "select 1")]).toEqual([service, other, NOT_ALLOWED]);
    }
  }
});

test("the audit trail takes entries of the run-time role, and lets it delete those older than 400 days by its function only", async () => {
  for (const service of serviceNames) {
    const tables = await tablesOf(connect(of(service).url));
    if (!tables.includes("audit_entry")) continue;
    const sql = connect(of(service).runTimeUrl);
    const add = (at: string) => sql`
      insert into audit_entry (id, at, action, subject_type) values (${Bun.randomUUIDv7()}, ${at}, 'TRIED', 'user')`;
    await add("2020-01-01T00:00:00Z");
    await add(new Date().toISOString());
    expect(await outcome(sql, "update audit_entry set action = 'OTHER'")).toBe(NOT_ALLOWED);
    expect(await outcome(sql, "delete from audit_entry")).toBe(NOT_ALLOWED);
    expect(await outcome(sql, "select delete_audit_entries(now() - interval '400 days')")).toBe("done");
    expect(await outcome(sql, "select delete_audit_entries(now() + interval '1 day')")).toBe(NOT_ALLOWED);
    expect(
      (await sql`select extract(year from at)::int > 2020 as young from audit_entry`).map(({ young }) => young),
    ).toEqual([true]);
  }
});

test("a role that would keep rights of its own is refused, and one that is missing is asked for", async () => {
  const admin = connect(of("order").url);
  const [database] = await admin`select current_database() as name`;
  const owner = `${String(database?.["name"])}_owner`;
  const address = (role: string) =>
    Object.assign(new URL(of("order").url), { username: role, password: "secret" }).href;
  await admin.unsafe(`create role "${owner}" login password 'secret'`);
  await admin.unsafe(`grant connect on database "${String(database?.["name"])}" to "${owner}"`);
  await admin.unsafe(`create role "${owner}_heir" login password 'secret' in role "${owner}"`);
  try {
    await expect(grantRunTimeRole(address(owner), address(`${owner}_heir`))).rejects.toThrow("is a member of");
    await expect(grantRunTimeRole(address(owner), of("order").url)).rejects.toThrow("superuser");
    await expect(grantRunTimeRole(address(owner), address("missing"))).rejects.toThrow('create role "missing" login');
  } finally {
    await admin.unsafe(`drop owned by "${owner}"; drop role "${owner}_heir", "${owner}"`);
  }
});
