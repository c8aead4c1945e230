import { createHash, randomUUID } from "node:crypto";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { participants } from "@shop/contracts/services";
import { migrate, type MigrationSet } from "@shop/database/migrate";
import { migrationsOf } from "@shop/database/migrations";
import { messagingMigrations } from "@shop/messaging/migrations";
import postgres from "postgres";
import { testPostgresUrl } from "./infrastructure.ts";

export type TestDatabaseOptions =
  /** A service by its folder's name: `services/NAME/migrations` is applied, after what packages make in its database. */
  { readonly service: string } | { readonly migrations: readonly MigrationSet[] };

export interface TestDatabase {
  /** With a role that may do everything. */
  readonly url: string;
  /** With a role of this database's own, which a service that migrates creates and gives its rights. */
  readonly runTimeUrl: string;
  /** Ends its connections and drops it. A test that forgets this leaves it to the end of the server. */
  drop(): Promise<void>;
}

/**
 * A database of its own for one test file, with all migrations applied. They run once per state of the migrations' folders, into a template that
 * every further call clones.
 */
export async function createTestDatabase(options: TestDatabaseOptions): Promise<TestDatabase> {
  const migrations = "service" in options ? migrationsOfService(options.service) : options.migrations;
  const serverUrl = await testPostgresUrl();
  const template = `template_${await hashOf(migrations)}`;
  const name = `test_${randomUUID().replaceAll("-", "")}`;
  await onServer(serverUrl, async (admin) => {
    await ensureTemplate(admin, serverUrl, template, migrations);
    await admin`create database ${admin(name)} template ${admin(template)} strategy file_copy`;
  });
  return testDatabase(serverUrl, name);
}

/** An empty database of its own, without any migration. */
export async function createEmptyDatabase(): Promise<TestDatabase> {
  const serverUrl = await testPostgresUrl();
  const name = `test_${randomUUID().replaceAll("-", "")}`;
  await onServer(serverUrl, async (admin) => void (await admin`create database ${admin(name)}`));
  return testDatabase(serverUrl, name);
}

function testDatabase(serverUrl: string, name: string): TestDatabase {
  const url = databaseUrl(serverUrl, name);
  const role = `${name}_service`;
  return {
    url,
    runTimeUrl: Object.assign(new URL(url), { username: role, password: randomUUID() }).href,
    drop: () =>
      onServer(serverUrl, async (admin) => {
        await admin`drop database if exists ${admin(name)} with (force)`;
        await admin`drop role if exists ${admin(role)}`;
      }),
  };
}

/** Several test processes may share a server: the first one makes the template, the others wait for it. */
async function ensureTemplate(
  admin: postgres.Sql,
  serverUrl: string,
  template: string,
  migrations: readonly MigrationSet[],
): Promise<void> {
  // One connection is in use, so the lock and its release meet on the same one.
  await admin`select pg_advisory_lock(hashtext(${template}))`;
  try {
    const found = await admin`select 1 from pg_database where datname = ${template}`;
    if (found.length > 0) return;
    // It gets its name last: what a failed migration leaves is never taken for a template.
    const unfinished = `${template}_unfinished`;
    await admin`drop database if exists ${admin(unfinished)} with (force)`;
    await admin`create database ${admin(unfinished)}`;
    await migrate(databaseUrl(serverUrl, unfinished), migrations);
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

async function hashOf(migrations: readonly MigrationSet[]): Promise<string> {
  const hash = createHash("sha256");
  for (const { folder, journal = "" } of migrations) {
    hash.update(journal);
    const entries = await readdir(folder, { recursive: true, withFileTypes: true });
    const paths = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
    for (const path of paths.toSorted()) {
      hash.update(path.slice(folder.length));
      hash.update(await readFile(path));
    }
  }
  return hash.digest("hex").slice(0, 16);
}

function migrationsOfService(service: string): readonly MigrationSet[] {
  const packages = (participants as readonly string[]).includes(service) ? [messagingMigrations] : [];
  return migrationsOf(join(import.meta.dir, `../../../services/${service}/migrations`), packages);
}

function databaseUrl(serverUrl: string, database: string): string {
  const url = new URL(serverUrl);
  url.pathname = `/${database}`;
  return url.href;
}
