import type { AuditOrigin } from "@shop/database/audit-trail";
import { alongside, inTransactionOn } from "@shop/database/transaction";
import { audit, type AuditedAct } from "@shop/service/audit-routes";
import type { ServiceContext } from "@shop/service/context";
import { eq } from "drizzle-orm";
import { type ChangeRefusal, lockVersion, productChanged, shownFacts, whichever } from "../db/products.ts";
import { product } from "../db/schema.ts";

export interface WithdrawRequest {
  readonly productId: string;
  /** Whether the version that the product has is one that the caller wants to withdraw. */
  readonly onlyIf?: (version: number) => boolean;
  readonly traceparent: string;
  /** Who withdraws it, for the audit trail. */
  readonly origin: AuditOrigin;
}

/** Withdraws a product from sale for good. Orders that hold stock of it keep it, and what they give back is still counted. */
export async function withdrawProduct(
  { db, outbox, clock, ids }: Pick<ServiceContext, "db" | "outbox" | "clock" | "ids">,
  { productId, onlyIf = whichever, traceparent, origin }: WithdrawRequest,
): Promise<{ readonly kind: "withdrawn" } | ChangeRefusal> {
  return inTransactionOn(db, productId, async (tx) => {
    const locked = await lockVersion(tx, productId, onlyIf);
    if (locked.kind === "refused") return locked;
    const change = { withdrawnAt: new Date(clock.now()), version: locked.row.version + 1 };
    await tx.update(product).set(change).where(eq(product.id, productId));
    await outbox.send(tx, [productChanged({ ...locked.row, ...change }, traceparent)]);
    const entry: AuditedAct = {
      action: "PRODUCT_WITHDRAWN",
      origin,
      subject: { type: "product", id: productId },
      before: shownFacts(locked.row),
      after: { version: change.version },
    };
    alongside(tx, audit({ clock, ids }, tx, entry));
    return { kind: "withdrawn" } as const;
  });
}
