import { inTransaction } from "@shop/database/transaction";
import type { ServiceContext } from "@shop/service/context";
import { productChanged } from "../db/products.ts";
import { product, stockChange } from "../db/schema.ts";
import { demoProducts } from "./demo-products.ts";

/** Puts the demonstration's products on sale, those that are not there yet. Replicas may do it at once; what was changed since stays as it is. */
export async function seedDemoProducts({
  db,
  outbox,
  clock,
}: Pick<ServiceContext, "db" | "outbox" | "clock">): Promise<void> {
  const now = new Date(clock.now());
  await inTransaction(db, async (tx) => {
    const rows = await tx
      .insert(product)
      .values(demoProducts.map((demo) => ({ ...demo, currency: "KRW" as const, createdAt: now })))
      .onConflictDoNothing()
      .returning();
    const stocked = rows.filter(({ stock }) => stock > 0);
    if (stocked.length > 0) {
      await tx
        .insert(stockChange)
        .values(stocked.map(({ id, stock }) => ({ productId: id, delta: stock, changedAt: now })));
    }
    await outbox.send(
      tx,
      rows.map((row) => productChanged(row, undefined)),
    );
  });
}
