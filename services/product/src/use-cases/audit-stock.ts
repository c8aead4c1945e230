import type { ServiceContext } from "@shop/service/context";
import { type Imbalance, imbalances } from "../db/products.ts";

/** The pause between two audits, in milliseconds. One reads every reservation that holds stock: about a second for a million. */
const PAUSE_MS = 5 * 60_000;

/**
 * Audits the stock for as long as the process runs: of each product, what came in must be what is left and what orders hold, and that the sum of
 * their reservations. Each audit is one statement, so it sees one moment; it locks nothing.
 */
export async function auditStock(
  { db, clock, logger, metrics }: Pick<ServiceContext, "db" | "clock" | "logger" | "metrics">,
  signal: AbortSignal,
): Promise<void> {
  let found: readonly Imbalance[] = [];
  metrics.gauge("books_drift_products", "Products whose stock is not explained by their books", () => found.length);
  while (!signal.aborted) {
    try {
      found = await imbalances(db);
      for (const imbalance of found)
        logger.error("the books do not balance: the stock of a product is not explained", { ...imbalance });
    } catch (error) {
      logger.warn("the stock could not be audited; it is tried again", { error });
    }
    await clock.sleep(PAUSE_MS, signal);
  }
}
