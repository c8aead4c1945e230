import type { AuditOrigin } from "@shop/database/audit-trail";
import { release } from "../domain/delivery-lifecycle.ts";
import type { ChangeDelivery, DeliveryChangeResult } from "./change-delivery.ts";

export interface Release {
  readonly deliveryId: string;
  /** The rider whose claim it must be; undefined for an admin, who may release anyone's. */
  readonly riderId: string | undefined;
  /** Who asks, for the audit trail. */
  readonly origin: AuditOrigin;
}

/** Gives a claimed delivery back to all riders. */
export function releaseDelivery(
  change: ChangeDelivery,
  { deliveryId, riderId, origin }: Release,
): Promise<DeliveryChangeResult> {
  const by = riderId === undefined ? "anyones" : { riderId };
  const audited = { action: "DELIVERY_RELEASED", origin } as const;
  return change({ deliveryId, decide: (delivery) => release(delivery, by), audited });
}
