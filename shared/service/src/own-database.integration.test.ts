import { afterEach, beforeEach, expect, test } from "bun:test";
import { systemClock as clock } from "@shop/runtime/clock";
import { createEmptyDatabase, type TestDatabase } from "@shop/testing/database";
import { eventually } from "@shop/testing/eventually";
import { capturedLogger } from "@shop/testing/logger";
import { sql } from "drizzle-orm";
import { type OwnDatabase, ownDatabase } from "./own-database.ts";

const root = `${import.meta.dir}/../../..`;
const migrations = `${root}/services/order/migrations`;
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

function open(migrateAtStart: boolean): OwnDatabase {
  const { logger } = capturedLogger();
  const own = ownDatabase({ name: "order", url: database.url, migrations, migrateAtStart, clock, logger });
  opened.push(own);
  return own;
}

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
}, 60_000);

test("migration steps that run at once apply every migration once", async () => {
  const steps = await Promise.all([1, 2, 3].map(() => migrateByItself({ DATABASE_URL: database.url })));
  expect(steps.map(({ code }) => code)).toEqual([0, 0, 0]);
  const rows = await open(false).db.execute(
    sql`select hash, count(*)::int as times from drizzle.__drizzle_migrations group by hash`,
  );
  expect(rows.length).toBeGreaterThan(0);
  expect(rows.every((row) => row["times"] === 1)).toBe(true);
}, 60_000);

test("a migration step in production refuses a password of development with a sentence", async () => {
  const url = new URL(database.url);
  url.password = "order-development";
  const { code, output } = await migrateByItself({ DATABASE_URL: url.href, ENVIRONMENT: "production" });
  expect(code).toBe(1);
  expect(output).toContain("DATABASE_URL has a password of development in production");
});
