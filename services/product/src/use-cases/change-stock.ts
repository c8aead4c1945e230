import type { Product } from "@shop/contracts/http/product";
import { MAX_STOCK } from "@shop/contracts/primitives";
import type { AuditOrigin } from "@shop/database/audit-trail";
import { alongside, inTransactionOn } from "@shop/database/transaction";
import { audit, type AuditedAct } from "@shop/service/audit-routes";
import type { ServiceContext } from "@shop/service/context";
import { eq } from "drizzle-orm";
import { type ChangeRefusal, lockVersion, toProduct, whichever } from "../db/products.ts";
import { product, stockChange } from "../db/schema.ts";
import { isStockInRange } from "../domain/stock.ts";

export interface StockChangeRequest {
  readonly productId: string;
  /** How many come in, or leave when it is negative. */
  readonly delta: number;
  /** Whether the version that the product has is one whose stock the caller wants to change. The version stays as it is. */
  readonly onlyIf?: (version: number) => boolean;
  /** Who changes it: an admin. */
  readonly origin: AuditOrigin;
}

export type StockChangeResult =
  | { readonly kind: "changed"; readonly product: Product }
  | { readonly kind: "refused"; readonly code: "STOCK_OUT_OF_RANGE" }
  | ChangeRefusal;

/** Counts stock in or out by hand. Nobody else needs to hear of it: stock is asked for where it is. */
export async function changeStock(
  { db, clock, ids }: Pick<ServiceContext, "db" | "clock" | "ids">,
  { productId, delta, onlyIf = whichever, origin }: StockChangeRequest,
): Promise<StockChangeResult> {
  return inTransactionOn(db, productId, async (tx): Promise<StockChangeResult> => {
    const locked = await lockVersion(tx, productId, onlyIf);
    if (locked.kind === "refused") return locked;
    const before = locked.row;
    const stock = before.stock + delta;
    if (!isStockInRange(stock, before.taken, MAX_STOCK)) return { kind: "refused", code: "STOCK_OUT_OF_RANGE" };
    if (delta !== 0) {
      await tx.update(product).set({ stock }).where(eq(product.id, productId));
      const changedBy = origin.actor?.id;
      await tx.insert(stockChange).values({ productId, delta, changedBy, changedAt: new Date(clock.now()) });
      const entry: AuditedAct = {
        action: "STOCK_CHANGED",
        origin,
        subject: { type: "product", id: productId },
        before: { stock: before.stock },
        after: { stock, delta },
      };
      alongside(tx, audit({ clock, ids }, tx, entry));
    }
    return { kind: "changed", product: toProduct({ ...before, stock }) };
  });
}
