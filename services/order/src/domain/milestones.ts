import type { OrderMilestone, OrderProgress, SagaOfOrder } from "@shop/contracts/http/order";

interface Meaning {
  readonly progress: OrderProgress;
  readonly saga: SagaOfOrder;
}

const forward = (progress: OrderProgress, step: SagaOfOrder["step"]): Meaning => ({
  progress,
  saga: { status: "RUNNING", step },
});
const back = (step: SagaOfOrder["step"]): Meaning => ({
  progress: "CANCELLING",
  saga: { status: "COMPENSATING", step },
});

/** What each milestone says of its order. A request to cancel does not tell how far the saga had come: the next milestone does. */
export const meaningOf: Readonly<Record<OrderMilestone, Meaning>> = {
  CREATED: forward("CREATED", "DECREASE_PRODUCT"),
  STOCK_TAKEN: forward("STOCK_TAKEN", "CREATE_DELIVERY"),
  WAITING_FOR_RIDER: forward("WAITING_FOR_RIDER", "WAIT_FOR_RIDER"),
  CANCELLING: back(null),
  STOCK_REFUSED: back("CANCEL_ORDER"),
  DELIVERY_FAILED: back("INCREASE_PRODUCT"),
  DELIVERY_CANCELLED: back("INCREASE_PRODUCT"),
  STOCK_RETURNED: back("CANCEL_ORDER"),
  DELIVERED: forward("DELIVERED", "COMPLETE_ORDER"),
  COMPLETE: { progress: "COMPLETE", saga: { status: "COMPLETE", step: "COMPLETE_ORDER" } },
  CANCELLED: { progress: "CANCELLED", saga: { status: "CANCELLED", step: "CANCEL_ORDER" } },
};

/**
 * From the least to the greatest. News from several topics come in any order: a lesser milestone that comes after a greater one is
 * passed over, so that an order never goes backwards.
 */
export const milestoneOrder: readonly OrderMilestone[] = [
  "CREATED",
  "STOCK_TAKEN",
  "WAITING_FOR_RIDER",
  "CANCELLING",
  "STOCK_REFUSED",
  "DELIVERY_FAILED",
  "DELIVERY_CANCELLED",
  "STOCK_RETURNED",
  "DELIVERED",
  "COMPLETE",
  "CANCELLED",
];

/** Whether an order that has come to `reached` continues to `next`. */
export function isAhead(next: OrderMilestone, reached: OrderMilestone): boolean {
  return milestoneOrder.indexOf(next) > milestoneOrder.indexOf(reached);
}
