import {
  DeliveryCancelled,
  DeliveryCompleted,
  DeliveryCreated,
  DeliveryFailed,
} from "@shop/contracts/messages/delivery";
import { type Outgoing, outgoing } from "@shop/messaging/outbox/outgoing";
import type { DeliveryOfOrder } from "../db/deliveries.ts";

/** The answer to CreateDeliveryCommand: how the delivery stands, told in the order in which it came about, so that nothing once said is missing. */
export function answersToCreate(delivery: DeliveryOfOrder, causedBy: string | undefined): readonly Outgoing[] {
  const { id: deliveryId, orderId } = delivery;
  const about = { orderId, deliveryId };
  const created = outgoing(DeliveryCreated, orderId, about, causedBy);
  switch (delivery.status) {
    case "PENDING":
      return [created];
    case "COMPLETE": {
      const { riderId, completedAt } = delivery;
      return [
        created,
        outgoing(DeliveryCompleted, orderId, { ...about, riderId, completedAt: completedAt.toISOString() }, causedBy),
      ];
    }
    case "FAILED":
      return [created, outgoing(DeliveryFailed, orderId, { ...about, reason: delivery.failReason }, causedBy)];
    case "CANCELLED":
      return [outgoing(DeliveryCancelled, orderId, { ...about, result: "SUCCESS" }, causedBy)];
  }
}

/** The answer to CancelDeliveryCommand. A delivery that failed cannot be completed any more either: that is as good as cancelled. */
export function answerToCancel(
  { id: deliveryId, orderId, status }: DeliveryOfOrder,
  causedBy: string | undefined,
): Outgoing {
  const about = { orderId, deliveryId };
  return status === "COMPLETE"
    ? outgoing(DeliveryCancelled, orderId, { ...about, result: "REFUSED", reason: "ALREADY_COMPLETE" }, causedBy)
    : outgoing(DeliveryCancelled, orderId, { ...about, result: "SUCCESS" }, causedBy);
}
