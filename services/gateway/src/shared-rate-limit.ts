import { createRateLimit, type RateLimit, type RateLimitName } from "@shop/http/auth/rate-limit";
import type { MigrationSet } from "@shop/database/migrate";
import { every } from "@shop/runtime/every";
import { ownDatabase } from "@shop/service/own-database";
import type { ProcessParts } from "@shop/service/process";
import { type BucketSize, deleteFullBuckets, takeTokens } from "./db/rate-buckets.ts";
import { createLeasedRateLimit } from "./leased-rate-limit.ts";

/** The folder of the migrations of the rate limits' store. */
const MIGRATIONS: readonly MigrationSet[] = [{ folder: `${import.meta.dir}/../migrations` }];
const PURGE_EVERY_MS = 60_000;

/** Where all replicas of the gateway count together. */
export interface SharedRateLimits {
  /** A limit by this name, whose bucket holds what it gains within a second. */
  limit(name: RateLimitName, perSecond: number): RateLimit;
  /** Makes the store's table and looks after it. Until that is done each replica counts for itself. */
  start(): void;
  stop(): Promise<void>;
}

/** @param databaseUrl of a database that the replicas share */
export function createSharedRateLimits(
  databaseUrl: string,
  { clock, logger, metrics }: Pick<ProcessParts, "clock" | "logger" | "metrics">,
): SharedRateLimits {
  const options = { name: "gateway", url: databaseUrl, migrations: MIGRATIONS, migrateAtStart: true };
  const database = ownDatabase({ ...options, clock, logger, metrics });
  const sizes: BucketSize[] = [];
  const stopping = new AbortController();
  let working: Promise<void> | undefined;

  async function work(): Promise<void> {
    await database.prepare(stopping.signal, async () => undefined);
    await every(
      PURGE_EVERY_MS,
      { clock, signal: stopping.signal },
      () => deleteFullBuckets(database.db, Math.max(...sizes.map(({ burst, perSecond }) => burst / perSecond), 0)),
      (error) =>
        logger.warn("RATE_LIMIT_PURGE_FAILED", "buckets that are full could not be deleted; retrying in a minute", {
          error,
        }),
    );
  }

  return {
    limit(name, perSecond) {
      const size = { perSecond, burst: perSecond };
      sizes.push(size);
      return createLeasedRateLimit({
        local: createRateLimit({ clock, name, perSecond }),
        takeTokens: (requests) => takeTokens(database.db, requests, size),
        isReady: () => !database.isStarting(),
        ...{ perSecond, clock, logger },
      });
    },
    start() {
      working ??= work();
    },
    async stop() {
      stopping.abort();
      await working;
      await database.close();
    },
  };
}
