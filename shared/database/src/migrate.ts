import { ADVISORY_LOCKS } from "./advisory-locks.ts";
import { sql } from "drizzle-orm";
import { readMigrationFiles } from "drizzle-orm/migrator";
import { ExplainedError } from "@shop/runtime/errors";
import type postgres from "postgres";
import { openClient } from "./client.ts";
import type { Database } from "./connect.ts";

const LOCK_PAUSE_MS = 100;
/** A change to a table waits for those who use it, and anyone who comes later waits behind it: better that it gives up soon and is retried. */
const LOCK_TIMEOUT = "500ms";

/** An index that is made or dropped beside those who use its table; its name is captured where it is made. */
const CONCURRENTLY = /^(?:drop index concurrently\b|create (?:unique )?index concurrently "(\w+)")/i;

type Migration = ReturnType<typeof readMigrationFiles>[number];

/** Migrations that one owner of tables writes. Several sets may share a database: each has a journal of its own there. */
export interface MigrationSet {
  /** The folder that drizzle-kit writes, with its `meta/_journal.json`. */
  readonly folder: string;
  /** The table of the schema `drizzle` that lists what was applied; drizzle-kit's `__drizzle_migrations` by default. */
  readonly journal?: string;
}

const migrationsIn = ({ folder }: MigrationSet): readonly Migration[] =>
  readMigrationFiles({ migrationsFolder: folder });
const journalOf = ({ journal = "__drizzle_migrations" }: MigrationSet): string => `drizzle.${journal}`;

/**
 * Brings a database to the newest migration of each set, one set after the other. Replicas that start together wait for each other on an advisory
 * lock, held by the one connection that migrates. Each migration is applied in one transaction, but one that makes or drops indexes
 * concurrently, which PostgreSQL does outside of transactions only: it holds up nobody who writes, and is begun again when it was interrupted.
 * @throws the driver's error when the database cannot be reached, or the failing statement's
 */
export async function migrate(url: string, sets: readonly MigrationSet[]): Promise<void> {
  const client = openClient(url, {
    max: 1,
    connect_timeout: 2,
    onnotice: () => undefined,
    connection: { application_name: "migration" },
  });
  try {
    await lock(client);
    await client`create schema if not exists drizzle`;
    for (const set of sets) await applyAll(client, set);
  } finally {
    await client.end({ timeout: 5 });
  }
}

/** Asked for again and again: a statement that waited for it would be one that an index made concurrently waits for. */
async function lock(client: postgres.Sql): Promise<void> {
  for (;;) {
    const [row] = await client`select pg_try_advisory_lock(${ADVISORY_LOCKS.migration}) as taken`;
    if (row?.["taken"] === true) return;
    await Bun.sleep(LOCK_PAUSE_MS);
  }
}

async function applyAll(client: postgres.Sql, set: MigrationSet): Promise<void> {
  const journal = journalOf(set);
  await client`create table if not exists ${client(journal)} (id serial primary key, hash text not null, created_at bigint)`;
  const [applied] = await client`select max(created_at)::float8 as newest from ${client(journal)}`;
  for (const migration of migrationsIn(set))
    if (migration.folderMillis > Number(applied?.["newest"] ?? 0)) await apply(client, journal, migration);
}

async function apply(
  client: postgres.Sql,
  journal: string,
  { sql: texts, hash, folderMillis }: Migration,
): Promise<void> {
  const note = (session: postgres.ISql) =>
    session`insert into ${client(journal)} (hash, created_at) values (${hash}, ${folderMillis})`;
  const statements = texts.map((text) => ({
    text,
    match: CONCURRENTLY.exec(text.replaceAll(/^\s*(--.*\n\s*)*/g, "")),
  }));
  if (statements.every(({ match }) => match === null)) {
    await client.begin(async (tx) => {
      await tx`select set_config('lock_timeout', ${LOCK_TIMEOUT}, true)`;
      for (const { text } of statements) await tx.unsafe(text);
      await note(tx);
    });
    return;
  }
  if (statements.some(({ match }) => match === null))
    throw new ExplainedError(
      "a migration that makes or drops an index concurrently may do nothing else: give the rest one of its own",
    );
  for (const { text, match } of statements) {
    // Left by an attempt that was interrupted, and of no use.
    if (match?.[1] !== undefined) await client`drop index concurrently if exists ${client(match[1])}`;
    await client.unsafe(text);
  }
  await note(client);
}

/** Whether a database has every migration of all sets. Further ones, of a newer release, do not matter. */
export async function isMigrated(db: Database, sets: readonly MigrationSet[]): Promise<boolean> {
  for (const set of sets) {
    const journal = journalOf(set);
    const newest = Math.max(...migrationsIn(set).map(({ folderMillis }) => folderMillis));
    const [found] = await db.execute(sql`select to_regclass(${journal}) is not null as exists`);
    if (found?.["exists"] !== true) return false;
    const [applied] = await db.execute(sql`select max(created_at)::float8 as newest from ${sql.raw(journal)}`);
    if (Number(applied?.["newest"] ?? 0) < newest) return false;
  }
  return true;
}
