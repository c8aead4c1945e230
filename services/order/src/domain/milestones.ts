import type { OrderMilestone, OrderProgress, SagaOfOrder } from "@shop/contracts/http/order";
import { orderSaga } from "@shop/contracts/order-saga";

interface Meaning {
  readonly progress: OrderProgress;
  readonly saga: SagaOfOrder;
}

const meanings: ReadonlyMap<string, Meaning> = new Map(Object.entries(orderSaga.meanings));

/**
 * What a milestone says of its order, by the saga's definition. During a rolling upgrade a newer release may have written one that this
 * release does not know: then the order continues, in a step without a name.
 */
export function meaningOf(milestone: OrderMilestone): Meaning {
  const progress = milestone as OrderProgress;
  return meanings.get(milestone) ?? { progress, saga: { status: "RUNNING", step: null } };
}

/**
 * From the least to the greatest. News from several topics come in any order: a lesser milestone that comes after a greater one is
 * passed over, so that an order never goes backwards.
 */
export const milestoneOrder: readonly OrderMilestone[] = orderSaga.milestones;

/** Whether an order that has come to `reached` continues to `next`. */
export function isAhead(next: OrderMilestone, reached: OrderMilestone): boolean {
  return milestoneOrder.indexOf(next) > milestoneOrder.indexOf(reached);
}
