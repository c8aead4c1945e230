import type { Order } from "@shop/contracts/http/order";
import { OrderCancelRequested } from "@shop/contracts/messages/order";
import type { AuditOrigin } from "@shop/database/audit-trail";
import { alongside, inTransactionOn } from "@shop/database/transaction";
import { outgoing } from "@shop/messaging/outbox/outgoing";
import { audit, type AuditedAct } from "@shop/service/audit-routes";
import type { ServiceContext } from "@shop/service/context";
import { eq, sql } from "drizzle-orm";
import { changesWith, reachedMilestone, toOrder, toSnapshot } from "../db/orders.ts";
import { orders } from "../db/schema.ts";
import { decideCancel } from "../domain/cancelling.ts";
import { isAhead } from "../domain/milestones.ts";
import { REPUBLISH_AFTER_MS } from "../domain/republishing.ts";

export interface CancelRequest {
  readonly orderId: string;
  /** The customer whose order it must be; undefined for an admin, who may cancel any. */
  readonly customerId: string | undefined;
  readonly traceparent: string;
  /** Who asks, for the audit trail. */
  readonly origin: AuditOrigin;
}

export type CancelResult =
  | { readonly kind: "requested"; readonly order: Order }
  | { readonly kind: "refused"; readonly code: "NOT_FOUND" | "ORDER_ENDED" };

/** Takes a request to cancel: from now on the saga decides whether the rider was first. Asked again, it changes nothing. */
export async function cancelOrder(
  { db, outbox, clock, ids }: Pick<ServiceContext, "db" | "outbox" | "clock" | "ids">,
  { orderId, customerId, traceparent, origin }: CancelRequest,
): Promise<CancelResult> {
  return inTransactionOn(db, orderId, async (tx): Promise<CancelResult> => {
    const [row] = await tx.select().from(orders).where(eq(orders.id, orderId)).for("update");
    if (row === undefined || (customerId !== undefined && row.customerId !== customerId))
      return { kind: "refused", code: "NOT_FOUND" };
    const decision = decideCancel(row);
    if (decision === "ended") return { kind: "refused", code: "ORDER_ENDED" };
    if (decision === "requestedAlready") return { kind: "requested", order: toOrder(row) };

    const now = new Date(clock.now());
    // An order that is further already, such as DELIVERED, does not go back to CANCELLING: the saga will tell.
    const isAdvance = isAhead("CANCELLING", reachedMilestone(row));
    const reason = customerId === undefined ? "CANCELLED_BY_ADMIN" : "CANCELLED_BY_CUSTOMER";
    const republishAt = new Date(now.getTime() + REPUBLISH_AFTER_MS);
    const request = { cancelRequestedAt: now, cancelRequestReason: reason, republishAt } as const;
    const change = { ...request, updatedAt: now, ...(isAdvance ? ({ progress: "CANCELLING" } as const) : {}) };
    await tx
      .update(orders)
      .set({ ...change, ...(isAdvance ? { changes: changesWith(sql`'CANCELLING'::text`, now.toISOString()) } : {}) })
      .where(eq(orders.id, orderId));
    await outbox.send(tx, [outgoing(OrderCancelRequested, orderId, { ...toSnapshot(row), reason }, traceparent)]);
    const entry: AuditedAct = {
      action: "ORDER_CANCEL_REQUESTED",
      origin,
      subject: { type: "order", id: orderId },
      before: { status: row.status, progress: row.progress },
      after: { cancelRequestReason: reason, progress: change.progress ?? row.progress },
    };
    alongside(tx, audit({ clock, ids }, tx, entry));
    return { kind: "requested", order: toOrder({ ...row, ...change }) };
  });
}
