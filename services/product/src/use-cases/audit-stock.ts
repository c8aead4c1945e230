import type { ServiceContext } from "@shop/service/context";
import { type Imbalance, imbalances } from "../db/products.ts";

/** The pause between two audits, in milliseconds. One reads every reservation: about a second for a million. */
const PAUSE_MS = 5 * 60_000;
/** However long an audit takes, it is at work at most about a twentieth of the time. */
const PAUSE_PER_AUDIT = 19;

/**
 * Audits the stock for as long as the process runs: of each product, what came in must be what is left and what orders hold, and that the sum of
 * their reservations. Each audit sees one moment; it locks nothing, and none of its statements grows with the tables.
 */
export async function auditStock(
  { db, clock, logger, metrics }: Pick<ServiceContext, "db" | "clock" | "logger" | "metrics">,
  signal: AbortSignal,
): Promise<void> {
  let found: readonly Imbalance[] = [];
  metrics.gauge("books_drift_products", "Products whose stock is not explained by their books", () => found.length);
  let finishedAt = 0;
  metrics.gauge(
    "stock_audit_last_finished_timestamp_seconds",
    "When this process last finished an audit of the stock; 0 before the first",
    () => finishedAt / 1_000,
  );
  while (!signal.aborted) {
    const begunAt = clock.elapsed();
    try {
      const audited = await imbalances(db, signal);
      if (audited === null) return;
      found = audited;
      finishedAt = clock.now();
      for (const imbalance of found)
        logger.error("the books do not balance: the stock of a product is not explained", { ...imbalance });
    } catch (error) {
      logger.warn("the stock could not be audited; it is tried again", { error });
    }
    await clock.sleep(Math.max(PAUSE_MS, PAUSE_PER_AUDIT * (clock.elapsed() - begunAt)), signal);
  }
}
