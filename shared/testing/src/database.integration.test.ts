import { afterAll, expect, setDefaultTimeout, test } from "bun:test";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connectDatabase } from "@shop/database/connect";
import { createTestDatabase } from "./database.ts";

// A real server on a machine that may be busy.
setDefaultTimeout(120_000);

const folders: string[] = [];
afterAll(async () => {
  for (const folder of folders) await rm(folder, { recursive: true, force: true });
});

async function migrationsFolder(statement: string): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "migrations-"));
  folders.push(folder);
  await mkdir(join(folder, "meta"));
  const entries = [{ idx: 0, version: "7", when: 1, tag: "0000_first", breakpoints: true }];
  await writeFile(
    join(folder, "meta", "_journal.json"),
    JSON.stringify({ version: "7", dialect: "postgresql", entries }),
  );
  await writeFile(join(folder, "0000_first.sql"), statement);
  return folder;
}

async function rowsOf(url: string, table: string): Promise<number> {
  const db = connectDatabase({ url, applicationName: "test" });
  try {
    return (await db.$client`select * from ${db.$client(table)}`).length;
  } finally {
    await db.$client.end();
  }
}

test("each caller gets a migrated database of its own, also when they ask at the same time", async () => {
  const folder = await migrationsFolder("create table product (id int)");
  const [one, other] = await Promise.all([
    createTestDatabase({ migrations: [{ folder }] }),
    createTestDatabase({ migrations: [{ folder }] }),
  ]);
  const db = connectDatabase({ url: one.url, applicationName: "test" });
  await db.$client`insert into product values (1)`;
  await db.$client.end();
  expect(await rowsOf(one.url, "product")).toBe(1);
  expect(await rowsOf(other.url, "product")).toBe(0);
  await Promise.all([one.drop(), other.drop()]);
  await expect(rowsOf(one.url, "product")).rejects.toThrow("does not exist");
});

test("a changed migration folder gives a database with the change", async () => {
  const folder = await migrationsFolder("create table product (id int)");
  const before = await createTestDatabase({ migrations: [{ folder }] });
  await writeFile(join(folder, "0000_first.sql"), "create table parcel (id int)");
  const after = await createTestDatabase({ migrations: [{ folder }] });
  expect(await rowsOf(before.url, "product")).toBe(0);
  expect(await rowsOf(after.url, "parcel")).toBe(0);
  await Promise.all([before.drop(), after.drop()]);
});

test("a migration that fails is reported to each caller and leaves no template behind", async () => {
  const folder = await migrationsFolder("create table broken (id no_such_type)");
  await expect(createTestDatabase({ migrations: [{ folder }] })).rejects.toThrow();
  await expect(createTestDatabase({ migrations: [{ folder }] })).rejects.toThrow();
});
