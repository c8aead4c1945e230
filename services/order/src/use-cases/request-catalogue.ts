import { AnnounceProductsCommand } from "@shop/contracts/messages/product";
import { inTransaction } from "@shop/database/transaction";
import { outgoing } from "@shop/messaging/outbox/outgoing";
import { backoffMs } from "@shop/runtime/backoff";
import type { ServiceContext } from "@shop/service/context";
import { catalogueIsComplete, catalogueIsEmpty, markComplete } from "../db/catalogue.ts";

/** The key of messages that are about no order and no product. */
const KEY = "catalogue";
/** The product service may be unavailable for long. */
const ASK_BACKOFF = { firstMs: 2_000, maxMs: 60_000 };

/**
 * How long after its start a process is not ready for want of products. An announcement takes a second or two once the product service and Kafka are
 * there; while they are unavailable nothing is shown that could be ordered, and orders that were placed before are to be read and cancelled all the same.
 */
const GRACE_MS = 30_000;

/**
 * What the product service shows can be ordered once all that it has announced is in this service's own copy: until then an order would be refused
 * as one for an unknown product. It is a matter of the first start. Nothing that the announcement needs waits for this service, and the grace bounds
 * it all the same.
 */
export async function catalogueReadiness(
  { db }: Pick<ServiceContext, "db">,
  runningForMs: number = process.uptime() * 1_000,
): Promise<string> {
  if (runningForMs > GRACE_MS || (await catalogueIsComplete(db))) return "ok";
  return "waiting for the products to be announced";
}

/**
 * Asks for all products to be announced again until all of them are here: before the first announcement has arrived, and when the catalogue was
 * emptied. Runs until it is complete, or `signal` is aborted.
 */
export async function requestCatalogueUntilComplete(context: ServiceContext, signal: AbortSignal): Promise<void> {
  const { db, outbox, clock, logger } = context;
  for (let attempt = 1; !signal.aborted; attempt += 1) {
    try {
      // An empty one is asked for at every start: "no products" may have been true long ago.
      if ((await catalogueIsComplete(db)) && (attempt > 1 || !(await catalogueIsEmpty(db)))) {
        await markComplete(db);
        return;
      }
      await inTransaction(db, (tx) => outbox.send(tx, [outgoing(AnnounceProductsCommand, KEY, {}, undefined)]));
      logger.info("CATALOGUE_REQUESTED", "the catalogue copy is incomplete: requested all products", { attempt });
    } catch (error) {
      logger.warn("CATALOGUE_CHECK_FAILED", "the catalogue copy could not be checked; retrying", { error });
    }
    await clock.sleep(backoffMs(ASK_BACKOFF, attempt), signal);
  }
}
