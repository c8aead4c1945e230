import { afterAll, beforeAll, beforeEach, expect, test } from "bun:test";
import { createRateLimit, type RateLimit, type Taken } from "@shop/http/auth/rate-limit";
import { systemClock as clock } from "@shop/runtime/clock";
import { createMetrics } from "@shop/runtime/metrics";
import { connectDatabase, type Database } from "@shop/database/connect";
import { createTestDatabase, type TestDatabase } from "@shop/testing/database";
import { eventually } from "@shop/testing/eventually";
import { capturedLogger, type LogLine } from "@shop/testing/logger";
import { sql } from "drizzle-orm";
import { deleteFullBuckets, takeTokens } from "./db/rate-buckets.ts";
import { createLeasedRateLimit } from "./leased-rate-limit.ts";
import { createSharedRateLimits, type SharedRateLimits } from "./shared-rate-limit.ts";

const PER_SECOND = 40;

let database: TestDatabase;
let db: Database;
let replicas: readonly {
  readonly shared: SharedRateLimits;
  readonly limit: RateLimit;
  readonly lines: readonly LogLine[];
}[];

beforeAll(async () => {
  database = await createTestDatabase({ service: "gateway" });
  db = connectDatabase({ url: database.url, applicationName: "observer", max: 2 });
  replicas = [1, 2, 3].map(() => {
    const { logger, lines } = capturedLogger();
    const shared = createSharedRateLimits(database.url, { clock, logger, metrics: createMetrics() });
    shared.start();
    return { shared, limit: shared.limit("user", PER_SECOND), lines };
  });
  for (const [index, { limit }] of replicas.entries())
    await eventually(async () => {
      await limit.take(`until ready ${index}`);
      expect(await db.execute(sql`select from rate_bucket where key = ${`user until ready ${index}`}`)).toHaveLength(1);
    });
}, 120_000);
beforeEach(async () => {
  await db.execute(sql`delete from rate_bucket`);
});
afterAll(async () => {
  for (const { shared } of replicas) await shared.stop();
  await db.$client.end();
  await database.drop();
});

const isGranted = ({ waitMs }: Taken) => waitMs === 0;

/** How many of so many requests, in turns at all replicas, are granted; and how many at most, by the time that it took. */
async function storm(key: string, count: number): Promise<{ readonly granted: number; readonly atMost: number }> {
  const begunAt = performance.now();
  const all = await Promise.all(
    Array.from({ length: count }, (_, index) => replicas[index % replicas.length]?.limit.take(key)),
  );
  const seconds = (performance.now() - begunAt) / 1_000;
  const granted = all.filter((taken) => taken !== undefined && isGranted(taken)).length;
  return { granted, atMost: PER_SECOND + Math.ceil(seconds * PER_SECOND) };
}

test("three replicas together grant a user what one would: the quota at once, and then the rate", async () => {
  const { granted, atMost } = await storm("somebody", 40 * PER_SECOND);
  expect(granted).toBeLessThanOrEqual(atMost);
  // All of the quota was given out, though it was asked for at three places.
  expect(granted).toBeGreaterThanOrEqual(PER_SECOND);
  const fewer = Math.round(PER_SECOND * 0.6);
  expect((await storm("somebody else", fewer)).granted).toBe(fewer);
});

test("a lease is spent without asking the store again: only the first request of a while waits", async () => {
  const size = { perSecond: 400, burst: 400 };
  const limit = createLeasedRateLimit({
    ...{ clock: { ...clock, elapsed: () => 0 }, perSecond: 400, logger: capturedLogger().logger, isReady: () => true },
    local: createRateLimit({ clock, perSecond: 400 }),
    takeTokens: (requests) => takeTokens(db, requests, size),
  });
  const first = limit.take("calm");
  expect(first).toBeInstanceOf(Promise);
  expect(await first).toMatchObject({ waitMs: 0 });
  for (let count = 0; count < 10; count += 1) expect(limit.take("calm")).toMatchObject({ waitMs: 0 });
});

test("a bucket gains its rate by the database's time, up to its quota, and is never below zero", async () => {
  const size = { perSecond: 10, burst: 20 };
  const take = async (wanted: number) => (await takeTokens(db, [{ key: "k", wanted }], size)).get("k");
  const age = (seconds: number) =>
    db.execute(sql`update rate_bucket set refilled_at = refilled_at - make_interval(secs => ${seconds}::float8)`);
  expect(await take(15)).toEqual({ granted: 15, left: 5 });
  // Far in the future, as if another server's clock had been ahead: nothing is gained, and nothing lost.
  await age(-3_600);
  expect(await take(15)).toEqual({ granted: 5, left: 0 });
  expect(await take(1)).toEqual({ granted: 0, left: 0 });
  await age(3_600 + 3_600);
  expect(await take(100)).toEqual({ granted: 20, left: 0 });
});

test("buckets that have been full for a minute are forgotten, others are kept", async () => {
  const size = { perSecond: 10, burst: 20 };
  await takeTokens(
    db,
    ["old", "young"].map((key) => ({ key, wanted: 1 })),
    size,
  );
  await db.execute(sql`update rate_bucket set refilled_at = now() - interval '63 seconds' where key = 'old'`);
  await deleteFullBuckets(db, 2);
  expect(await db.execute(sql`select key from rate_bucket`)).toMatchObject([{ key: "young" }]);
});

test("while the store is unavailable each replica counts for itself, and together again when it is back", async () => {
  const saidBefore = replicas.map(({ lines }) => lines.length);
  await db.execute(sql`alter table rate_bucket rename to away`);
  try {
    const { granted } = await storm("during the outage", 40 * PER_SECOND);
    expect(granted).toBeGreaterThanOrEqual(3 * PER_SECOND);
  } finally {
    await db.execute(sql`alter table away rename to rate_bucket`);
  }
  for (const [index, { limit, lines }] of replicas.entries())
    await eventually(async () => {
      await limit.take("the next one");
      const events = lines.slice(saidBefore[index]).map(({ event }) => event);
      expect(events).toEqual(["RATE_LIMIT_STORE_UNAVAILABLE", "RATE_LIMIT_STORE_BACK"]);
    });
  const { granted, atMost } = await storm("after the outage", 40 * PER_SECOND);
  expect(granted).toBeLessThanOrEqual(atMost);
}, 60_000);
