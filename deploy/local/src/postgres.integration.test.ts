import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { join } from "node:path";
import postgres from "postgres";
import { dataFolder } from "./infrastructure.ts";
import { type LocalPostgres, startPostgres, tryConnect } from "./postgres.ts";
import type { RunFolder } from "./run-folder.ts";
import { SetupError } from "./setup-error.ts";

// Real servers on a machine that may be busy.
setDefaultTimeout(120_000);

let folder: RunFolder;
let server: LocalPostgres;
beforeAll(async () => {
  folder = await dataFolder();
  server = await startPostgres({ dataDir: join(folder.path, "postgres") });
});
afterAll(async () => {
  await server.stop();
  await folder.remove();
});

async function query(url: string, statement: string): Promise<readonly Record<string, unknown>[]> {
  const client = postgres(url, { max: 1, connect_timeout: 2, onnotice: () => undefined });
  try {
    return await client.unsafe(statement);
  } finally {
    await client.end({ timeout: 1 });
  }
}

test("what was committed before a kill is there after the restart, at the same address", async () => {
  const url = await server.createDatabase("durable");
  await query(url, "create table kept (id int); insert into kept values (1)");
  await server.kill();
  expect(await tryConnect(url)).toBeDefined();
  await server.restart();
  expect(await query(url, "select id from kept")).toEqual([{ id: 1 }]);
});

test("a role can do all in its own database and connect to no other", async () => {
  // Both are words of SQL as well.
  const own = await server.createDatabase("user");
  await server.createDatabase("order");
  await query(own, "create schema mine; create table mine.thing (id int)");
  for (const other of ["order", "postgres", "template1"]) {
    const url = new URL(own);
    url.pathname = `/${other}`;
    expect(await tryConnect(url.href)).toContain("permission denied for database");
  }
});

test("it listens on 127.0.0.1 only, and a role without its password is refused", async () => {
  const url = await server.createDatabase("guarded");
  expect(await query(url, "show listen_addresses")).toEqual([{ listen_addresses: "127.0.0.1" }]);
  const wrong = new URL(url);
  wrong.password = "wrong";
  expect(await tryConnect(wrong.href)).toContain("password authentication failed");
});

test("a port that is in use is named, with the remedy", async () => {
  const second = startPostgres({ dataDir: join(folder.path, "second"), port: server.port });
  await expect(second).rejects.toThrow(SetupError);
  await expect(second).rejects.toThrow(`Port ${server.port} (PostgreSQL) is in use. Stop the program that holds it`);
});
