import type { OrderMilestone } from "@shop/contracts/http/order";
import {
  DeliveryCancelled,
  DeliveryCompleted,
  DeliveryCreated,
  DeliveryFailed,
} from "@shop/contracts/messages/delivery";
import { ProductDecreased, ProductIncreased } from "@shop/contracts/messages/product";
import { ExplainedError } from "@shop/runtime/errors";

/** The messages of the others by which a customer can be told how far an order is. */
export const news = [
  ProductDecreased,
  ProductIncreased,
  DeliveryCreated,
  DeliveryCompleted,
  DeliveryFailed,
  DeliveryCancelled,
] as const;

/** What a message says of its order; undefined when it says nothing new, as when the rider was before a cancel. */
export function milestoneTold({
  type,
  data,
}: {
  readonly type: string;
  readonly data: unknown;
}): OrderMilestone | undefined {
  switch (type) {
    case DeliveryCreated.type:
      return "WAITING_FOR_RIDER";
    case DeliveryCompleted.type:
      return "DELIVERED";
    case ProductDecreased.type:
      return ProductDecreased.data.parse(data).result === "SUCCESS" ? "STOCK_TAKEN" : "STOCK_REFUSED";
    case ProductIncreased.type:
      return "STOCK_RETURNED";
    case DeliveryFailed.type:
      return "DELIVERY_FAILED";
    case DeliveryCancelled.type:
      return DeliveryCancelled.data.parse(data).result === "SUCCESS" ? "DELIVERY_CANCELLED" : undefined;
    default:
      throw new ExplainedError(`${type} tells nothing of an order's progress`);
  }
}
