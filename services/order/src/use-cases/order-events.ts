import type { Order, OrderEvent, OrderMilestone } from "@shop/contracts/http/order";
import { type OrderRow, reachedMilestone, toOrder } from "../db/orders.ts";
import { meaningOf } from "../domain/milestones.ts";

/** An event of an order and its id. The first, of its creation, is 1; each change counts one more. */
export interface NumberedEvent {
  readonly id: number;
  readonly event: OrderEvent;
}

/** The id of the last event that there is of an order. */
export const lastEventId = ({ changes }: Pick<OrderRow, "changes">): number => changes.length + 1;

/** How an order is now. */
export function stateOf(row: OrderRow): NumberedEvent {
  const { saga } = meaningOf(reachedMilestone(row));
  return { id: lastEventId(row), event: { type: "STATE", order: toOrder(row), saga } };
}

/** The events behind the one with the id `seen`, each with the order as it was then. */
export function eventsAfter(row: OrderRow, seen: number): readonly NumberedEvent[] {
  const all = [{ type: "CREATED", at: row.createdAt.toISOString() } as const, ...row.changes];
  return all.slice(seen).map(({ type, at }, position) => ({
    id: seen + position + 1,
    event: { type, order: orderAt(row, type, at), saga: meaningOf(type).saga },
  }));
}

function orderAt(row: OrderRow, milestone: OrderMilestone, at: string): Order {
  const status = milestone === "COMPLETE" || milestone === "CANCELLED" ? milestone : "PENDING";
  const cancelReason = status === "CANCELLED" ? row.cancelReason : null;
  return toOrder({ ...row, status, cancelReason, progress: meaningOf(milestone).progress, updatedAt: new Date(at) });
}
