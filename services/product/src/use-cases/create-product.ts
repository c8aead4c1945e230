import type { Product } from "@shop/contracts/http/product";
import type { AuditOrigin } from "@shop/database/audit-trail";
import { alongside, inTransaction } from "@shop/database/transaction";
import { audit, type AuditedAct } from "@shop/service/audit-routes";
import type { ServiceContext } from "@shop/service/context";
import { productChanged, shownFacts, toProduct } from "../db/products.ts";
import { product, stockChange } from "../db/schema.ts";
import type { ProductFacts } from "../domain/product-change.ts";

export interface NewProduct extends ProductFacts {
  readonly stock: number;
  /** Who puts it on sale: an admin. */
  readonly origin: AuditOrigin;
  readonly traceparent: string;
}

/** Puts a product on sale. */
export async function createProduct(
  { db, outbox, clock, ids }: Pick<ServiceContext, "db" | "outbox" | "clock" | "ids">,
  { name, description, price, currency, stock, origin, traceparent }: NewProduct,
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
      await tx
        .insert(stockChange)
        .values({ productId: row.id, delta: stock, changedBy: origin.actor?.id, changedAt: now });
    await outbox.send(tx, [productChanged(row, traceparent)]);
    const entry: AuditedAct = {
      action: "PRODUCT_CREATED",
      origin,
      subject: { type: "product", id: row.id },
      after: { ...shownFacts(row), stock },
    };
    alongside(tx, audit({ clock, ids }, tx, entry));
  });
  return toProduct(row);
}
