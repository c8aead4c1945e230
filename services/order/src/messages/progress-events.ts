import type { OrderMilestone } from "@shop/contracts/http/order";
import {
  DeliveryCancelled,
  DeliveryCompleted,
  DeliveryCreated,
  DeliveryFailed,
} from "@shop/contracts/messages/delivery";
import { ProductDecreased, ProductIncreased } from "@shop/contracts/messages/product";
import { ExplainedError } from "@shop/runtime/errors";

/** Events of the other services that move the progress shown to the customer. */
export const progressEvents = [
  ProductDecreased,
  ProductIncreased,
  DeliveryCreated,
  DeliveryCompleted,
  DeliveryFailed,
  DeliveryCancelled,
] as const;

/** The milestone that an event reaches; undefined when it reaches none, as when the rider completed before a cancel. */
export function milestoneOf({
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
      throw new ExplainedError(`${type} is no progress event`);
  }
}
