import type { Product } from "@shop/contracts/http/product";
import { inTransaction } from "@shop/database/transaction";
import type { ServiceContext } from "@shop/service/context";
import { productChanged, toProduct } from "../db/products.ts";
import { product, stockChange } from "../db/schema.ts";
import type { ProductFacts } from "../domain/product-change.ts";

export interface NewProduct extends ProductFacts {
  readonly stock: number;
  readonly createdBy: string;
  readonly traceparent: string;
}

/** Puts a product on sale. */
export async function createProduct(
  { db, outbox, wakeRelay, clock, ids }: Pick<ServiceContext, "db" | "outbox" | "wakeRelay" | "clock" | "ids">,
  { name, description, price, currency, stock, createdBy, traceparent }: NewProduct,
): Promise<Product> {
  const now = new Date(clock.now());
  const row = {
    id: ids(),
    name,
    description,
    price,
    currency,
    stock,
    taken: 0,
    version: 1,
    createdAt: now,
    withdrawnAt: null,
  };
  await inTransaction(db, async (tx) => {
    await tx.insert(product).values(row);
    if (stock > 0)
      await tx.insert(stockChange).values({ productId: row.id, delta: stock, changedBy: createdBy, changedAt: now });
    await outbox.send(tx, [productChanged(row, traceparent)]);
  });
  wakeRelay();
  return toProduct(row);
}
