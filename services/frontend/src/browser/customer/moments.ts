import type { Order, OrderProgress } from "@shop/contracts/http/order";

/** When an order came to a stage. */
export interface OrderMoment {
  readonly progress: OrderProgress;
  readonly at: string;
}

/** What is known of an order's way, once it has been seen like this. */
export function withMoment(known: readonly OrderMoment[], order: Order): readonly OrderMoment[] {
  const seen = [
    ...known,
    { progress: "CREATED", at: order.createdAt } as const,
    { progress: order.progress, at: order.updatedAt },
  ];
  // Of a stage that lasts the first news count.
  return seen.filter(({ progress }, index) => seen.findIndex((other) => other.progress === progress) === index);
}
