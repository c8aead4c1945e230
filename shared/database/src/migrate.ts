import { sql } from "drizzle-orm";
import { drizzle } from "drizzle-orm/postgres-js";
import { migrate as applyMigrations } from "drizzle-orm/postgres-js/migrator";
import postgres from "postgres";

/** Any number, the same for all that migrate: the advisory lock's name. */
const MIGRATION_LOCK = 7_203_114;

/**
 * Brings a database to the newest migration of a folder. Replicas that start together wait for each other on an advisory lock,
 * held by the one connection that migrates (Drizzle's migrator takes no lock of its own).
 * @param migrationsFolder the folder that drizzle-kit writes, with its `meta/_journal.json`
 * @throws the driver's error when the database cannot be reached, or the failing statement's
 */
export async function migrate(url: string, migrationsFolder: string): Promise<void> {
  const client = postgres(url, { max: 1, connect_timeout: 2, onnotice: () => undefined });
  try {
    const db = drizzle(client);
    await db.execute(sql`select pg_advisory_lock(${MIGRATION_LOCK})`);
    await applyMigrations(db, { migrationsFolder });
  } finally {
    await client.end({ timeout: 5 });
  }
}
