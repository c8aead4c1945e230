import type { Database } from "@shop/database/connect";
import type { Clock } from "@shop/runtime/clock";
import type { Logger } from "@shop/runtime/logger";
import type { Metrics } from "@shop/runtime/metrics";
import { sql } from "drizzle-orm";
import { OLDEST_UNSENT_SECONDS } from "./backlog.ts";

const LOOK_INTERVAL_MS = 5_000;

interface OutboxAgeOptions {
  readonly db: Database;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: Metrics;
}

/** Shows as a metric for how long the oldest message has waited in the outbox: minutes mean that the broker is away. Runs until `signal` is aborted. */
export async function watchOutboxAge(
  signal: AbortSignal,
  { db, clock, logger, metrics }: OutboxAgeOptions,
): Promise<void> {
  let seconds = 0;
  metrics.gauge(
    { name: "outbox_oldest_unsent_seconds", help: "How long the oldest message waits to be published" },
    () => seconds,
  );
  while (!signal.aborted) {
    try {
      const [row] = await db.execute<{ seconds: number }>(sql`select ${OLDEST_UNSENT_SECONDS} as seconds`);
      seconds = row?.seconds ?? 0;
    } catch (error) {
      logger.debug("the age of the outbox could not be read; the metric stands still", { error });
    }
    await clock.sleep(LOOK_INTERVAL_MS, signal);
  }
}
