import type { OrderProgress } from "@shop/contracts/http/order";
import { DeliveryCompleted, DeliveryCreated, DeliveryFailed } from "@shop/contracts/messages/delivery";
import { ProductDecreased } from "@shop/contracts/messages/product";

/** The messages of the others by which a customer can be told how far an order is. */
export const news = [ProductDecreased, DeliveryCreated, DeliveryCompleted, DeliveryFailed] as const;

/** What a message says of its order's progress. */
export function progressTold({ type, data }: { readonly type: string; readonly data: unknown }): OrderProgress {
  switch (type) {
    case DeliveryCreated.type:
      return "WAITING_FOR_RIDER";
    case DeliveryCompleted.type:
      return "DELIVERED";
    case ProductDecreased.type:
      return ProductDecreased.data.parse(data).result === "SUCCESS" ? "STOCK_TAKEN" : "CANCELLING";
    case DeliveryFailed.type:
      return "CANCELLING";
    default:
      throw new Error(`${type} tells nothing of an order's progress`);
  }
}
