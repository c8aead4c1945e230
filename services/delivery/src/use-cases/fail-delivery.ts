import { DeliveryFailed } from "@shop/contracts/messages/delivery";
import type { AuditOrigin } from "@shop/database/audit-trail";
import { outgoing } from "@shop/messaging/outbox/outgoing";
import { fail } from "../domain/delivery-lifecycle.ts";
import type { ChangeDelivery, DeliveryChangeResult } from "./change-delivery.ts";

export interface Failure {
  readonly deliveryId: string;
  readonly riderId: string;
  readonly reason: string;
  readonly traceparent: string;
  /** Who asks, for the audit trail. */
  readonly origin: AuditOrigin;
}

/** The delivery cannot be made; the saga cancels the order. */
export function failDelivery(
  change: ChangeDelivery,
  { deliveryId, riderId, reason, traceparent, origin }: Failure,
): Promise<DeliveryChangeResult> {
  return change({
    deliveryId,
    decide: (delivery) => fail(delivery, riderId, reason),
    audited: { action: "DELIVERY_FAILED", origin },
    tell: (about) => outgoing(DeliveryFailed, about.orderId, { ...about, reason }, traceparent),
  });
}
