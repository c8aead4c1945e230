import { release } from "../domain/delivery-lifecycle.ts";
import type { ChangeDelivery, DeliveryChangeResult } from "./change-delivery.ts";

export interface Release {
  readonly deliveryId: string;
  /** The rider whose claim it must be; undefined for an admin, who may release anyone's. */
  readonly riderId: string | undefined;
}

/** Gives a claimed delivery back to all riders. */
export function releaseDelivery(
  change: ChangeDelivery,
  { deliveryId, riderId }: Release,
): Promise<DeliveryChangeResult> {
  const by = riderId === undefined ? "anyones" : { riderId };
  return change({ deliveryId, decide: (delivery) => release(delivery, by) });
}
