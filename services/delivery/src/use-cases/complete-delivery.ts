import { DeliveryCompleted } from "@shop/contracts/messages/delivery";
import { outgoing } from "@shop/messaging/outbox/outgoing";
import { complete } from "../domain/delivery-lifecycle.ts";
import type { ChangeDelivery, DeliveryChangeResult } from "./change-delivery.ts";

export interface Completion {
  readonly deliveryId: string;
  readonly riderId: string;
  readonly traceparent: string;
}

/** The goods are with the customer. From here on the order can only become COMPLETE. */
export function completeDelivery(
  change: ChangeDelivery,
  { deliveryId, riderId, traceparent }: Completion,
): Promise<DeliveryChangeResult> {
  return change({
    deliveryId,
    decide: (delivery, now) => complete(delivery, riderId, now),
    tell: (about, { completedAt }) =>
      outgoing(
        DeliveryCompleted,
        about.orderId,
        { ...about, riderId, completedAt: completedAt.toISOString() },
        traceparent,
      ),
  });
}
