import type { Product } from "@shop/contracts/http/product";
import { inTransaction } from "@shop/database/transaction";
import type { ServiceContext } from "@shop/service/context";
import { eq } from "drizzle-orm";
import { lockProduct, productChanged, toProduct } from "../db/products.ts";
import { product } from "../db/schema.ts";
import { applyChange, type ProductChange } from "../domain/product-change.ts";

export interface ChangeRequest {
  readonly productId: string;
  readonly change: ProductChange;
  readonly traceparent: string;
}

/**
 * Changes what a product says of itself; orders placed before keep their prices. A change that changes nothing gives no new version.
 * @returns the product as it is now, or undefined when it is not on sale
 */
export async function changeProduct(
  { db, outbox, wakeRelay }: Pick<ServiceContext, "db" | "outbox" | "wakeRelay">,
  { productId, change, traceparent }: ChangeRequest,
): Promise<Product | undefined> {
  const row = await inTransaction(db, async (tx) => {
    const before = await lockProduct(tx, productId);
    const facts = before && applyChange(before, change);
    if (before === undefined || facts === undefined) return before;
    const after = { ...before, ...facts, version: before.version + 1 };
    await tx
      .update(product)
      .set({ ...facts, version: after.version })
      .where(eq(product.id, productId));
    await outbox.send(tx, [productChanged(after, traceparent)]);
    return after;
  });
  wakeRelay();
  return row && toProduct(row);
}
