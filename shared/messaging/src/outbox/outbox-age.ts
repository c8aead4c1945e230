import type { Database } from "@shop/database/connect";
import type { Clock } from "@shop/runtime/clock";
import { every } from "@shop/runtime/every";
import type { Logger } from "@shop/runtime/logger";
import type { Metrics } from "@shop/runtime/metrics";
import { sql } from "drizzle-orm";
import { OLDEST_UNSENT_SECONDS } from "../backlog.ts";

const LOOK_INTERVAL_MS = 5_000;

interface OutboxAgeOptions {
  readonly db: Database;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: Metrics;
}

/** As many unsent messages are counted at most: a count reads each of them. */
const COUNTED_AT_MOST = 10_000;

/** Shows as metrics how many messages wait in the outbox, and for how long the oldest has: minutes mean that the broker is unavailable. Runs until `signal` is aborted. */
export async function watchOutboxAge(
  signal: AbortSignal,
  { db, clock, logger, metrics }: OutboxAgeOptions,
): Promise<void> {
  let seconds = 0;
  let unsent = 0;
  metrics.gauge(
    { name: "outbox_oldest_unsent_seconds", help: "How long the oldest message waits to be published" },
    () => seconds,
  );
  metrics.gauge(
    { name: "outbox_unsent_messages", help: `Messages that wait to be published; ${COUNTED_AT_MOST} stands for more` },
    () => unsent,
  );
  await every(
    LOOK_INTERVAL_MS,
    { clock, signal },
    async () => {
      const [row] = await db.execute<{ seconds: number; unsent: number }>(sql`
        select ${OLDEST_UNSENT_SECONDS} as seconds,
          (select count(*)::int from (select from outbox where sent_at is null limit ${COUNTED_AT_MOST}) as counted) as unsent`);
      seconds = row?.seconds ?? 0;
      unsent = row?.unsent ?? 0;
    },
    (error) =>
      logger.debug("OUTBOX_READ_FAILED", "the outbox could not be read; its metrics keep their last values", { error }),
  );
}
