import { claim } from "../domain/riding.ts";
import { changeDelivery, type RidingContext, type RidingResult } from "./change-delivery.ts";

/** A rider takes a waiting delivery; nobody else needs to hear of it. */
export function claimDelivery(
  context: RidingContext,
  { deliveryId, riderId }: { readonly deliveryId: string; readonly riderId: string },
): Promise<RidingResult> {
  return changeDelivery(context, { deliveryId, decide: (delivery) => claim(delivery, riderId) });
}
