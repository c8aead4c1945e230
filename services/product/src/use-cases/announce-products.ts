import { ProductsAnnounced } from "@shop/contracts/messages/product";
import type { Transaction } from "@shop/database/connect";
import type { Outbox } from "@shop/messaging/outbox/outbox";
import { type Outgoing, outgoing } from "@shop/messaging/outbox/outgoing";
import { asc, gt } from "drizzle-orm";
import { productChanged } from "../db/products.ts";
import { product } from "../db/schema.ts";

/** How many products are read and written at once: memory stays flat however large the catalogue is. */
const CHUNK = 500;

/** The key of a message that is about no single product. */
const KEY = "catalogue";

/**
 * Tells of every product how it stands, of the withdrawn ones too. Who hears it keeps the higher version, so nothing is locked.
 * Then it says how many there were: they are of other keys, and may arrive later.
 * @returns the last of the messages; those before them are in the outbox
 */
export async function announceProducts(
  tx: Transaction,
  outbox: Outbox,
  causedBy: string | undefined,
): Promise<readonly Outgoing[]> {
  let lastId: string | undefined;
  let products = 0;
  for (;;) {
    const rows = await tx
      .select()
      .from(product)
      .where(lastId === undefined ? undefined : gt(product.id, lastId))
      .orderBy(asc(product.id))
      .limit(CHUNK);
    const messages = rows.map((row) => productChanged(row, causedBy));
    products += rows.length;
    if (rows.length < CHUNK) return [...messages, outgoing(ProductsAnnounced, KEY, { products }, causedBy)];
    await outbox.send(tx, messages);
    lastId = rows.at(-1)?.id;
  }
}
