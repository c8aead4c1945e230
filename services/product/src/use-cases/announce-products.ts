import type { Transaction } from "@shop/database/connect";
import type { Outbox } from "@shop/messaging/outbox";
import type { Outgoing } from "@shop/messaging/outgoing";
import { asc, gt } from "drizzle-orm";
import { productChanged } from "../db/products.ts";
import { product } from "../db/schema.ts";

/** How many products are read and written at once: memory stays flat however large the catalogue is. */
const CHUNK = 500;

/**
 * Tells of every product how it stands, of the withdrawn ones too. Who hears it keeps the higher version, so nothing is locked.
 * @returns the last of the messages; those before them are in the outbox
 */
export async function announceProducts(
  tx: Transaction,
  outbox: Outbox,
  causedBy: string | undefined,
): Promise<readonly Outgoing[]> {
  let lastId: string | undefined;
  for (;;) {
    const rows = await tx
      .select()
      .from(product)
      .where(lastId === undefined ? undefined : gt(product.id, lastId))
      .orderBy(asc(product.id))
      .limit(CHUNK);
    const messages = rows.map((row) => productChanged(row, causedBy));
    if (rows.length < CHUNK) return messages;
    await outbox.send(tx, messages);
    lastId = rows.at(-1)?.id;
  }
}
