import { createHash, randomUUID } from "node:crypto";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { migrate } from "@shop/database/migrate";
import postgres from "postgres";
import { testPostgresUrl } from "./infrastructure.ts";

export type TestDatabaseOptions =
  /** A service by its folder's name, whose `services/NAME/migrations` is applied. */
  | { readonly service: string }
  /** Any folder that drizzle-kit wrote. */
  | { readonly migrationsFolder: string };

export interface TestDatabase {
  readonly url: string;
  /** Ends its connections and drops it. A test that forgets this leaves it to the end of the server. */
  drop(): Promise<void>;
}

/**
 * A database of its own for one test file, with all migrations applied. They run once per state of the migration folder, into a template that
 * every further call clones.
 */
export async function createTestDatabase(options: TestDatabaseOptions): Promise<TestDatabase> {
  const folder = "service" in options ? serviceMigrations(options.service) : options.migrationsFolder;
  const serverUrl = await testPostgresUrl();
  const template = `template_${await hashOfFolder(folder)}`;
  const name = `test_${randomUUID().replaceAll("-", "")}`;
  await onServer(serverUrl, async (admin) => {
    await ensureTemplate(admin, serverUrl, template, folder);
    await admin`create database ${admin(name)} template ${admin(template)} strategy file_copy`;
  });
  return {
    url: databaseUrl(serverUrl, name),
    drop: () =>
      onServer(serverUrl, async (admin) => void (await admin`drop database if exists ${admin(name)} with (force)`)),
  };
}

/** An empty database of its own, without any migration. */
export async function createEmptyDatabase(): Promise<TestDatabase> {
  const serverUrl = await testPostgresUrl();
  const name = `test_${randomUUID().replaceAll("-", "")}`;
  await onServer(serverUrl, async (admin) => void (await admin`create database ${admin(name)}`));
  return {
    url: databaseUrl(serverUrl, name),
    drop: () =>
      onServer(serverUrl, async (admin) => void (await admin`drop database if exists ${admin(name)} with (force)`)),
  };
}

/** Several test processes may share a server: the first one makes the template, the others wait for it. */
async function ensureTemplate(admin: postgres.Sql, serverUrl: string, template: string, folder: string): Promise<void> {
  // One connection is in use, so the lock and its release meet on the same one.
  await admin`select pg_advisory_lock(hashtext(${template}))`;
  try {
    const found = await admin`select 1 from pg_database where datname = ${template}`;
    if (found.length > 0) return;
    // It gets its name last: what a failed migration leaves is never taken for a template.
    const unfinished = `${template}_unfinished`;
    await admin`drop database if exists ${admin(unfinished)} with (force)`;
    await admin`create database ${admin(unfinished)}`;
    await migrate(databaseUrl(serverUrl, unfinished), folder);
    await admin`alter database ${admin(unfinished)} rename to ${admin(template)}`;
  } finally {
    await admin`select pg_advisory_unlock(hashtext(${template}))`;
  }
}

async function onServer(serverUrl: string, work: (admin: postgres.Sql) => Promise<void>): Promise<void> {
  const admin = postgres(serverUrl, { max: 1, onnotice: () => undefined });
  try {
    await work(admin);
  } finally {
    await admin.end({ timeout: 5 });
  }
}

async function hashOfFolder(folder: string): Promise<string> {
  const hash = createHash("sha256");
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const paths = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  for (const path of paths.toSorted()) {
    hash.update(path.slice(folder.length));
    hash.update(await readFile(path));
  }
  return hash.digest("hex").slice(0, 16);
}

function serviceMigrations(service: string): string {
  return fileURLToPath(new URL(`../../../services/${service}/migrations`, import.meta.url));
}

function databaseUrl(serverUrl: string, database: string): string {
  const url = new URL(serverUrl);
  url.pathname = `/${database}`;
  return url.href;
}
