import { claim } from "../domain/riding.ts";
import type { ChangeDelivery, RidingResult } from "./change-delivery.ts";

/** A rider takes a waiting delivery; nobody else needs to hear of it. */
export function claimDelivery(
  change: ChangeDelivery,
  { deliveryId, riderId }: { readonly deliveryId: string; readonly riderId: string },
): Promise<RidingResult> {
  return change({ deliveryId, decide: (delivery) => claim(delivery, riderId) });
}
