import { AnnounceProductsCommand } from "@shop/contracts/messages/product";
import { inTransaction } from "@shop/database/transaction";
import { outgoing } from "@shop/messaging/outgoing";
import { backoffMs } from "@shop/runtime/backoff";
import type { ServiceContext } from "@shop/service/context";
import { catalogueIsEmpty } from "../db/catalogue.ts";

/** The key of messages that are about no order and no product. */
const KEY = "catalogue";
/** A shop without products is asked again ever more rarely. */
const ASK_BACKOFF = { firstMs: 2_000, maxMs: 60_000 };

/** How long after its start a process without products is not ready: the contract's five seconds for the copy to catch up. */
const GRACE_MS = 5_000;

/** Orders for anything can only be refused as long as the catalogue is empty; but a shop may have no products, and Kafka may be away. */
export async function catalogueReadiness({ db }: Pick<ServiceContext, "db">): Promise<string> {
  const filled = !(await catalogueIsEmpty(db));
  const runningForMs = process.uptime() * 1_000;
  return filled || runningForMs > GRACE_MS ? "ok" : "waiting for the products to be announced";
}

/** While this service's copy of the catalogue is empty, asks for all products to be announced again. Runs until it is not, or `signal` is aborted. */
export async function requestCatalogueUntilFilled(context: ServiceContext, signal: AbortSignal): Promise<void> {
  const { db, outbox, wakeRelay, clock, logger } = context;
  for (let attempt = 1; !signal.aborted; attempt += 1) {
    try {
      if (!(await catalogueIsEmpty(db))) return;
      await inTransaction(db, (tx) => outbox.send(tx, [outgoing(AnnounceProductsCommand, KEY, {}, undefined)]));
      wakeRelay();
      logger.info("the copy of the catalogue is empty: asked for all products", { attempt });
    } catch (error) {
      logger.warn("the copy of the catalogue could not be looked at; it is tried again", { error });
    }
    await clock.sleep(backoffMs(ASK_BACKOFF, attempt), signal);
  }
}
