import { every } from "@shop/runtime/every";
import type { ServiceContext } from "@shop/service/context";
import { auditBooks, type Imbalance } from "../db/stock-audit.ts";

/** The pause between two audits, in milliseconds. */
const PAUSE_MS = 5 * 60_000;
/** However long an audit takes, it is at work at most about a twentieth of the time. */
const PAUSE_PER_AUDIT = 19;

/**
 * Audits the stock for as long as the process runs: of each product, what came in must be what is left and what orders hold, and that the sum of
 * their reservations. Each audit sees one moment, reads what was written since the last one, and locks nothing that others use.
 */
export async function auditStock(
  { db, clock, logger, metrics }: Pick<ServiceContext, "db" | "clock" | "logger" | "metrics">,
  signal: AbortSignal,
): Promise<void> {
  let found: readonly Imbalance[] = [];
  metrics.gauge(
    { name: "books_drift_products", help: "Products whose stock is not explained by their books" },
    () => found.length,
  );
  let finishedAt = 0;
  metrics.gauge(
    {
      name: "stock_audit_last_finished_timestamp_seconds",
      help: "When this process last finished an audit of the stock; 0 before the first",
    },
    () => finishedAt / 1_000,
  );
  await every(
    (tookMs) => Math.max(PAUSE_MS, PAUSE_PER_AUDIT * tookMs),
    { clock, signal },
    async () => {
      const round = await auditBooks(db, { signal, now: new Date(clock.now()) });
      if (round === null) return;
      const { imbalances, recounted, rowsRead } = round;
      found = imbalances;
      if (recounted !== undefined)
        logger.info("AUDIT_STOCK_RECOUNTED", "the stock audit counted all rows", { reason: recounted, rowsRead });
      finishedAt = clock.now();
      for (const imbalance of found)
        logger.error(
          "AUDIT_STOCK_MISMATCH",
          "the books do not balance: the stock of a product does not match its changes",
          { ...imbalance },
        );
    },
    (error) => logger.warn("AUDIT_STOCK_FAILED", "the stock could not be audited; retrying", { error }),
  );
}
