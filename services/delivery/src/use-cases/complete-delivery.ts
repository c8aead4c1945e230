import { DeliveryCompleted } from "@shop/contracts/messages/delivery";
import { outgoing } from "@shop/messaging/outgoing";
import { complete } from "../domain/riding.ts";
import { changeDelivery, type RidingContext, type RidingResult } from "./change-delivery.ts";

export interface Completion {
  readonly deliveryId: string;
  readonly riderId: string;
  readonly traceparent: string;
}

/** The goods are with the customer. From here on the order can only become COMPLETE. */
export function completeDelivery(
  context: RidingContext,
  { deliveryId, riderId, traceparent }: Completion,
): Promise<RidingResult> {
  return changeDelivery(context, {
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
