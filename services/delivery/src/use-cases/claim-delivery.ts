import { claim } from "../domain/delivery-lifecycle.ts";
import type { ChangeDelivery, DeliveryChangeResult } from "./change-delivery.ts";

/** A rider takes a waiting delivery; nobody else needs to hear of it. */
export function claimDelivery(
  change: ChangeDelivery,
  { deliveryId, riderId }: { readonly deliveryId: string; readonly riderId: string },
): Promise<DeliveryChangeResult> {
  return change({ deliveryId, decide: (delivery) => claim(delivery, riderId) });
}
