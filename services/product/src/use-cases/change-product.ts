import type { Product } from "@shop/contracts/http/product";
import type { AuditOrigin } from "@shop/database/audit-trail";
import { alongside, inTransactionOn } from "@shop/database/transaction";
import { audit, type AuditedAct } from "@shop/service/audit-routes";
import type { ServiceContext } from "@shop/service/context";
import { eq } from "drizzle-orm";
import { type ChangeRefusal, lockVersion, productChanged, shownFacts, toProduct, whichever } from "../db/products.ts";
import { product } from "../db/schema.ts";
import { applyChange, type ProductChange } from "../domain/product-change.ts";

export interface ChangeRequest {
  readonly productId: string;
  readonly change: ProductChange;
  /** Whether the version that the product has is one that the caller wants to change. */
  readonly onlyIf?: (version: number) => boolean;
  readonly traceparent: string;
  /** Who changes it, for the audit trail. */
  readonly origin: AuditOrigin;
}

type ChangeResult = { readonly kind: "changed"; readonly product: Product } | ChangeRefusal;

/**
 * Changes what a product says of itself; orders placed before keep their prices. A change that changes nothing gives no new version.
 * @returns the product as it is now, or why it was not changed
 */
export async function changeProduct(
  { db, outbox, clock, ids }: Pick<ServiceContext, "db" | "outbox" | "clock" | "ids">,
  { productId, change, onlyIf = whichever, traceparent, origin }: ChangeRequest,
): Promise<ChangeResult> {
  return inTransactionOn(db, productId, async (tx): Promise<ChangeResult> => {
    const locked = await lockVersion(tx, productId, onlyIf);
    if (locked.kind === "refused") return locked;
    const before = locked.row;
    const facts = applyChange(before, change);
    if (facts === undefined) return { kind: "changed", product: toProduct(before) };
    const after = { ...before, ...facts, version: before.version + 1 };
    await tx
      .update(product)
      .set({ ...facts, version: after.version })
      .where(eq(product.id, productId));
    await outbox.send(tx, [productChanged(after, traceparent)]);
    const entry: AuditedAct = {
      action: "PRODUCT_CHANGED",
      origin,
      subject: { type: "product", id: productId },
      before: shownFacts(before),
      after: shownFacts(after),
    };
    alongside(tx, audit({ clock, ids }, tx, entry));
    return { kind: "changed", product: toProduct(after) };
  });
}
