import { DeliveryFailed } from "@shop/contracts/messages/delivery";
import { outgoing } from "@shop/messaging/outbox/outgoing";
import { fail } from "../domain/delivery-lifecycle.ts";
import type { ChangeDelivery, DeliveryChangeResult } from "./change-delivery.ts";

export interface Failure {
  readonly deliveryId: string;
  readonly riderId: string;
  readonly reason: string;
  readonly traceparent: string;
}

/** The delivery cannot be made; the saga cancels the order. */
export function failDelivery(
  change: ChangeDelivery,
  { deliveryId, riderId, reason, traceparent }: Failure,
): Promise<DeliveryChangeResult> {
  return change({
    deliveryId,
    decide: (delivery) => fail(delivery, riderId, reason),
    tell: (about) => outgoing(DeliveryFailed, about.orderId, { ...about, reason }, traceparent),
  });
}
