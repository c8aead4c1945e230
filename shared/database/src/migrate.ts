import { sql } from "drizzle-orm";
import { readMigrationFiles } from "drizzle-orm/migrator";
import { drizzle } from "drizzle-orm/postgres-js";
import { migrate as applyMigrations } from "drizzle-orm/postgres-js/migrator";
import { openClient } from "./client.ts";
import type { Database } from "./connect.ts";

/** Any number, the same for all that migrate: the advisory lock's name. */
const MIGRATION_LOCK = 7_203_114;
/** A change to a table waits for those who use it, and whoever comes later waits behind it: better that it gives up soon and is tried again. */
const LOCK_TIMEOUT = "3s";

/**
 * Brings a database to the newest migration of a folder. Replicas that start together wait for each other on an advisory lock,
 * held by the one connection that migrates (Drizzle's migrator takes no lock of its own).
 * @param migrationsFolder the folder that drizzle-kit writes, with its `meta/_journal.json`
 * @throws the driver's error when the database cannot be reached, or the failing statement's
 */
export async function migrate(url: string, migrationsFolder: string): Promise<void> {
  const client = openClient(url, { max: 1, connect_timeout: 2, onnotice: () => undefined });
  try {
    const db = drizzle(client);
    await db.execute(sql`select pg_advisory_lock(${MIGRATION_LOCK})`);
    await db.execute(sql`select set_config('lock_timeout', ${LOCK_TIMEOUT}, false)`);
    await applyMigrations(db, { migrationsFolder });
  } finally {
    await client.end({ timeout: 5 });
  }
}

/**
 * Whether a database has every migration of a folder. Further ones, of a newer release, do not matter.
 * @param migrationsFolder the folder that drizzle-kit writes, with its `meta/_journal.json`
 */
export async function isMigrated(db: Database, migrationsFolder: string): Promise<boolean> {
  const newest = Math.max(...readMigrationFiles({ migrationsFolder }).map(({ folderMillis }) => folderMillis));
  const [journal] = await db.execute(sql`select to_regclass('drizzle.__drizzle_migrations') is not null as exists`);
  if (journal?.["exists"] !== true) return false;
  const [applied] = await db.execute(sql`select max(created_at)::float8 as newest from drizzle.__drizzle_migrations`);
  return Number(applied?.["newest"] ?? 0) >= newest;
}
