import type { OrderProgress } from "@shop/contracts/http/order";

/** The words of `progress`, from the least to the greatest. News from several topics come in any order: a lesser word never replaces a greater. */
export const progressOrder: readonly OrderProgress[] = [
  "CREATED",
  "STOCK_TAKEN",
  "WAITING_FOR_RIDER",
  "CANCELLING",
  "DELIVERED",
  "COMPLETE",
  "CANCELLED",
];
