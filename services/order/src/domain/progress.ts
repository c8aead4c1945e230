import type { OrderProgress } from "@shop/contracts/http/order";

/** How far along the words of `progress` are. News from several topics come in any order: a lesser one never replaces a greater. */
export const progressRank: Readonly<Record<OrderProgress, number>> = {
  CREATED: 0,
  STOCK_TAKEN: 1,
  WAITING_FOR_RIDER: 2,
  CANCELLING: 3,
  DELIVERED: 4,
  COMPLETE: 5,
  CANCELLED: 5,
};
