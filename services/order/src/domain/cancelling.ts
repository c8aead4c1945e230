import type { OrderStatus } from "@shop/contracts/http/order";

export type CancelDecision = "request" | "requestedAlready" | "ended";

/** What a request to cancel does to an order. Whether it is cancelled in the end is for the saga to decide. */
export function decideCancel(order: {
  readonly status: OrderStatus;
  readonly cancelRequestedAt: Date | null;
}): CancelDecision {
  if (order.status !== "PENDING") return "ended";
  return order.cancelRequestedAt === null ? "request" : "requestedAlready";
}
