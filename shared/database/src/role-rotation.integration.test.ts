import { afterAll, beforeAll, expect, test } from "bun:test";
import { testPostgresUrl } from "@shop/testing/infrastructure";
import { sql } from "drizzle-orm";
import postgres from "postgres";
import { connectDatabase, type Database } from "./connect.ts";
import { migrate } from "./migrate.ts";

const name = `rotation_${crypto.randomUUID().slice(0, 8)}`;
const [first, second] = [`${name}_a`, `${name}_b`];
let admin: postgres.Sql;
let serverUrl: string;
const pools: Database[] = [];

beforeAll(async () => {
  serverUrl = await testPostgresUrl();
  admin = postgres(serverUrl, { max: 1, onnotice: () => undefined });
  await admin.unsafe(`create role ${first} login password 'first-password'`);
  await admin.unsafe(`create database ${name} owner ${first}`);
  await migrate(urlOf(first, "first-password"), [{ folder: `${import.meta.dir}/../../../services/order/migrations` }]);
}, 120_000);
afterAll(async () => {
  await Promise.all(pools.map((db) => db.$client.end({ timeout: 2 })));
  await admin.unsafe(`drop database ${name} with (force)`);
  await admin.unsafe(`drop role ${second}`);
  await admin.unsafe(`drop role ${first}`);
  await admin.end();
});

function urlOf(role: string, password: string): string {
  const url = new URL(serverUrl);
  return Object.assign(url, { username: role, password, pathname: `/${name}` }).href;
}

function open(role: string, password: string): Database {
  const db = connectDatabase({ url: urlOf(role, password), applicationName: role, max: 3 });
  pools.push(db);
  return db;
}

test("while two roles take turns no statement fails, and the new one owns what the old one owned", async () => {
  const failures: unknown[] = [];
  let current = open(first, "first-password");
  let done = false;
  const load = Array.from({ length: 4 }, async () => {
    while (!done) {
      await current.execute(sql`select count(*) from orders`).catch((error: unknown) => failures.push(error));
      await Bun.sleep(2);
    }
  });

  await admin.unsafe(`create role ${second} login password 'second-password' in role ${first}`);
  await admin.unsafe(`alter role ${second} set role ${first}`);
  const old = current;
  current = open(second, "second-password");
  await current.execute(sql`select 1`);
  await admin.unsafe(`alter role ${first} nologin`);
  // What is open stays open until its process has been replaced.
  await old.execute(sql`select count(*) from orders`);
  await current.execute(sql`create table made_by_the_second (id int)`);
  const [made] = await current.execute(sql`select tableowner from pg_tables where tablename = 'made_by_the_second'`);
  done = true;
  await Promise.all(load);

  expect(made?.["tableowner"]).toBe(first);
  expect(failures).toEqual([]);
  const late = open(first, "first-password");
  await expect((async () => late.execute(sql`select 1`))()).rejects.toThrow();
}, 120_000);
