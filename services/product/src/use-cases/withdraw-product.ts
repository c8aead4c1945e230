import { inTransaction } from "@shop/database/transaction";
import type { ServiceContext } from "@shop/service/context";
import { eq } from "drizzle-orm";
import { lockProduct, productChanged } from "../db/products.ts";
import { product } from "../db/schema.ts";

export interface WithdrawRequest {
  readonly productId: string;
  readonly traceparent: string;
}

/**
 * Withdraws a product from sale for good. Orders that hold stock of it keep it, and what they give back is still counted.
 * @returns false when it is not on sale
 */
export async function withdrawProduct(
  { db, outbox, wakeRelay, clock }: Pick<ServiceContext, "db" | "outbox" | "wakeRelay" | "clock">,
  { productId, traceparent }: WithdrawRequest,
): Promise<boolean> {
  const wasOnSale = await inTransaction(db, async (tx) => {
    const before = await lockProduct(tx, productId);
    if (before === undefined) return false;
    const change = { withdrawnAt: new Date(clock.now()), version: before.version + 1 };
    await tx.update(product).set(change).where(eq(product.id, productId));
    await outbox.send(tx, [productChanged({ ...before, ...change }, traceparent)]);
    return true;
  });
  wakeRelay();
  return wasOnSale;
}
