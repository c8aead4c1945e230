import type { AuditOrigin } from "@shop/database/audit-trail";
import { claim } from "../domain/delivery-lifecycle.ts";
import type { ChangeDelivery, DeliveryChangeResult } from "./change-delivery.ts";

export interface Claim {
  readonly deliveryId: string;
  readonly riderId: string;
  /** Who asks, for the audit trail. */
  readonly origin: AuditOrigin;
}

/** A rider takes a waiting delivery; nobody else needs to hear of it. */
export function claimDelivery(
  change: ChangeDelivery,
  { deliveryId, riderId, origin }: Claim,
): Promise<DeliveryChangeResult> {
  const audited = { action: "DELIVERY_CLAIMED", origin } as const;
  return change({ deliveryId, decide: (delivery) => claim(delivery, riderId), audited });
}
