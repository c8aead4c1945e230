import { afterEach, beforeEach, expect, test } from "bun:test";
import { inTransaction } from "@shop/database/transaction";
import { migrationsOf } from "@shop/database/migrations";
import { messagingMigrations } from "@shop/messaging/migrations";
import { systemClock as clock } from "@shop/runtime/clock";
import { createMetrics } from "@shop/runtime/metrics";
import { createEmptyDatabase, type TestDatabase } from "@shop/testing/database";
import { eventually } from "@shop/testing/eventually";
import { capturedLogger } from "@shop/testing/logger";
import { settled } from "@shop/testing/settled";
import { sql } from "drizzle-orm";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type OwnDatabase, ownDatabase } from "./own-database.ts";

const root = `${import.meta.dir}/../../..`;
const migrations = migrationsOf(`${root}/services/order/migrations`, [messagingMigrations]);
let database: TestDatabase;
let opened: OwnDatabase[] = [];
beforeEach(async () => {
  database = await createEmptyDatabase();
}, 120_000);
afterEach(async () => {
  await Promise.all(opened.map((own) => own.close()));
  opened = [];
  await database.drop();
});

function open(migrateAtStart: boolean, sets = migrations, url = database.url): OwnDatabase {
  const { logger } = capturedLogger();
  const own = ownDatabase({ name: "order", url, migrations: sets, migrateAtStart, clock, logger });
  opened.push(own);
  return own;
}

test("how both pools are used is shown: what is busy, what is idle, and what waits for a connection", async () => {
  const metrics = createMetrics();
  const { logger } = capturedLogger();
  const own = ownDatabase({
    name: "order",
    url: database.url,
    migrations,
    migrateAtStart: true,
    clock,
    logger,
    metrics,
  });
  opened.push(own);
  const shown = async () => (await metrics.expose()).match(/^database_pool_.*$/gm);
  expect(await shown()).toContain('database_pool_connections{pool="changes",state="busy"} 0');
  const release = Promise.withResolvers<void>();
  const all = Array.from({ length: 12 }, () => own.db.transaction(() => release.promise));
  await eventually(async () => {
    expect(await shown()).toContain('database_pool_connections{pool="changes",state="busy"} 10');
    expect(await shown()).toContain('database_pool_waiting{pool="changes"} 2');
  });
  release.resolve();
  await Promise.all(all);
  await own.read(new AbortController().signal).execute(sql`select 1`);
  expect(await shown()).toContain('database_pool_connections{pool="changes",state="idle"} 10');
  expect(await shown()).toContain('database_pool_waiting{pool="changes"} 0');
  expect(await shown()).toContain('database_pool_connections{pool="reads",state="idle"} 1');
});

/** Runs the order service's migrations as a process of their own. */
async function migrateByItself(environment: Record<string, string>): Promise<{ code: number; output: string }> {
  const run = Bun.spawn([process.execPath, "services/order/src/migrate.ts"], {
    cwd: root,
    env: { PATH: process.env["PATH"], ...environment },
    stdout: "pipe",
    stderr: "pipe",
  });
  const [out, errors, code] = await Promise.all([
    new Response(run.stdout).text(),
    new Response(run.stderr).text(),
    run.exited,
  ]);
  return { code, output: out + errors };
}

test("a service that does not migrate begins no work before the migration step has run, and then begins by itself", async () => {
  const service = open(false);
  let began = false;
  const prepared = service.prepare(new AbortController().signal, async () => void (began = true));
  await eventually(async () => expect(await service.check()).toContain("waiting for the database and its migrations"));
  expect(service.isUnavailable(new Error("any"))).toBe(true);
  const { code, output } = await migrateByItself({ DATABASE_URL: database.url });
  expect(output).toContain("the database is migrated");
  expect(code).toBe(0);
  expect(await prepared).toBe(true);
  expect(began).toBe(true);
  expect(await service.check()).toBe("ok");
}, 120_000);

/** A folder with one migration. */
async function folderOf(statements: string): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "migrations-"));
  const entries = [{ idx: 0, version: "7", when: 1, tag: "0000_only", breakpoints: true }];
  await Bun.write(join(folder, "meta/_journal.json"), JSON.stringify({ version: "7", dialect: "postgresql", entries }));
  await Bun.write(join(folder, "0000_only.sql"), statements);
  return folder;
}

test("a migration that is wrong is told of at once instead of being waited for, and leaves nothing behind", async () => {
  const folder = await folderOf("create table half (id int);\n--> statement-breakpoint\ncreate table;");
  const service = open(true, [{ folder }]);
  const prepared = settled(service.prepare(new AbortController().signal, () => Promise.resolve()));
  expect(await prepared).toMatchObject({ code: "42601" });
  expect(await service.check()).toContain("waiting for the database and its migrations");
  expect(await service.db.execute(sql`select to_regclass('half')::text as found`)).toMatchObject([{ found: null }]);
  await rm(folder, { recursive: true });
}, 120_000);

test("a service that starts with a name or a database that there is not ends and says so, instead of waiting", async () => {
  for (const [part, value] of [
    ["username", "nobody"],
    ["pathname", "/nothing"],
  ] as const) {
    const url = new URL(database.url);
    url[part] = value;
    const service = open(false, migrations, url.href);
    const outcome = settled(service.prepare(new AbortController().signal, () => Promise.resolve()));
    expect(String(await outcome)).toContain("DATABASE_URL");
  }
}, 120_000);

test("a migration whose table is in use holds up nobody who only reads it, and is tried again until it has been free", async () => {
  const folder = await folderOf("alter table busy add column further int;");
  const { db } = open(false);
  await db.execute(sql`create table busy (id int)`);
  const [using, done] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  const user = inTransaction(db, async (tx) => {
    await tx.execute(sql`select from busy`);
    using.resolve();
    await done.promise;
  });
  await using.promise;
  const prepared = open(true, [{ folder }]).prepare(new AbortController().signal, () => Promise.resolve());
  await eventually(async () =>
    expect(
      await db.execute(
        sql`select from pg_stat_activity where wait_event_type = 'Lock' and query like 'alter table busy%'`,
      ),
    ).toHaveLength(1),
  );
  expect(await settled(db.execute(sql`select id from busy`).execute())).toHaveLength(0);
  done.resolve();
  await user;
  expect(await prepared).toBe(true);
  expect(await db.execute(sql`select further from busy`)).toHaveLength(0);
  await rm(folder, { recursive: true });
}, 120_000);

test("a migration that makes an index lets those who write to its table go on, and is begun anew when it was interrupted", async () => {
  const folder = await folderOf(
    'create index concurrently "busy_by_n" on "busy" ("n");--> statement-breakpoint\ndrop index concurrently if exists "busy_before";',
  );
  const { db } = open(false);
  await db.execute(sql`create table busy (id int primary key, n int)`);
  await db.execute(sql`create index busy_before on busy (n)`);
  // What an attempt leaves that was ended: an index of that name that is not used.
  await db.execute(sql`insert into busy values (1, 1), (2, 1)`);
  await db.$client`create unique index concurrently busy_by_n on busy (n)`.catch(() => undefined);
  const valid = sql`select indexrelid::regclass::text as name, indisvalid as valid, indisunique as is_unique
    from pg_index where indrelid = 'busy'::regclass and not indisprimary order by 1`;
  expect(await db.execute(valid)).toMatchObject([{ name: "busy_before" }, { name: "busy_by_n", valid: false }]);

  const [writing, done] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  const writer = inTransaction(db, async (tx) => {
    await tx.execute(sql`set local idle_in_transaction_session_timeout = 0`);
    await tx.execute(sql`insert into busy values (3, 3)`);
    writing.resolve();
    await done.promise;
  });
  await writing.promise;
  const steps = [1, 2].map(() =>
    open(true, [{ folder }]).prepare(new AbortController().signal, () => Promise.resolve()),
  );
  await eventually(async () =>
    expect(
      await db.execute(
        sql`select from pg_stat_activity where wait_event_type = 'Lock' and query ~ '^(create|drop) index concurrently'`,
      ),
    ).toHaveLength(1),
  );
  for (let id = 10; id < 15; id += 1) await db.execute(sql`insert into busy values (${id}, ${id})`);
  done.resolve();
  await writer;
  expect(await Promise.all(steps)).toEqual([true, true]);
  expect([...(await db.execute(valid))]).toEqual([{ name: "busy_by_n", valid: true, is_unique: false }]);
  await rm(folder, { recursive: true });
}, 90_000);

test("a migration that makes an index beside other changes is refused, and changes nothing", async () => {
  const folder = await folderOf(
    'create table half (id int);--> statement-breakpoint\ncreate index concurrently "half_by_id" on "half" ("id");',
  );
  const outcome = settled(
    open(true, [{ folder }]).prepare(new AbortController().signal, () => Promise.resolve()),
    20_000,
  );
  expect(String(await outcome)).toContain("concurrently may do nothing else");
  expect(await open(false).db.execute(sql`select to_regclass('half')::text as found`)).toMatchObject([{ found: null }]);
  await rm(folder, { recursive: true });
}, 30_000);

test.each([
  ["its own migrations", "__drizzle_migrations"],
  ["the messaging's migrations", "messaging_migrations"],
])(
  "a database that lacks one of %s is waited for",
  async (_, journal) => {
    const service = open(true);
    await service.prepare(new AbortController().signal, () => Promise.resolve());
    await service.db.execute(sql`
      delete from drizzle.${sql.identifier(journal)}
      where created_at = (select max(created_at) from drizzle.${sql.identifier(journal)})`);
    const stopping = new AbortController();
    const waiting = open(false);
    const prepared = waiting.prepare(stopping.signal, () => Promise.resolve());
    expect(await settled(prepared, 500)).toMatchObject({ message: "still pending" });
    stopping.abort();
    expect(await prepared).toBe(false);
  },
  120_000,
);

test.each(["order", "user"])(
  "a process of %s whose settings say that it does not migrate waits, says for what, and asks its callers to go elsewhere",
  async (service) => {
    await using waiting = Bun.spawn([process.execPath, `services/${service}/src/main.ts`], {
      cwd: root,
      env: {
        ...{ PATH: process.env["PATH"], DATABASE_URL: database.url, MIGRATE_AT_START: "false" },
        ...{ PORT: "0", MANAGEMENT_PORT: "0", DRAIN_MS: "0", KAFKA_BROKERS: "127.0.0.1:1" },
      },
      stdout: "pipe",
    });
    let output = "";
    const reading = (async () => {
      for await (const piece of waiting.stdout) output += new TextDecoder().decode(piece);
    })();
    await eventually(() => expect(output).toContain("the database lacks migrations of this release"));
    const port = /"port":(\d+)/.exec(output)?.[1];
    expect((await fetch(`http://127.0.0.1:${port}/api/users/me`)).headers.get("connection")).toBe("close");
    waiting.kill("SIGTERM");
    expect(await waiting.exited).toBe(0);
    await reading;
    expect(output).not.toContain("the database is migrated");
  },
  120_000,
);

test("migration steps that run at once apply every migration once", async () => {
  const steps = await Promise.all([1, 2, 3].map(() => migrateByItself({ DATABASE_URL: database.url })));
  expect(steps.map(({ code }) => code)).toEqual([0, 0, 0]);
  const rows = await open(false).db.execute(sql`
    select hash, count(*)::int as times from (
      select hash from drizzle.__drizzle_migrations union all select hash from drizzle.messaging_migrations) as applied
    group by hash`);
  expect(rows.length).toBeGreaterThan(0);
  expect(rows.every((row) => row["times"] === 1)).toBe(true);
}, 120_000);

test("a migration step in production refuses a password of development with a sentence", async () => {
  const url = new URL(database.url);
  url.password = "order-development";
  const { code, output } = await migrateByItself({ DATABASE_URL: url.href, ENVIRONMENT: "production" });
  expect(code).toBe(1);
  expect(output).toContain("DATABASE_URL has a password of development in production");
});
