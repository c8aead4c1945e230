import { release } from "../domain/riding.ts";
import { changeDelivery, type RidingContext, type RidingResult } from "./change-delivery.ts";

export interface Release {
  readonly deliveryId: string;
  /** The rider whose claim it must be; undefined for an admin, who may release anyone's. */
  readonly riderId: string | undefined;
}

/** Gives a claimed delivery back to all riders. */
export function releaseDelivery(context: RidingContext, { deliveryId, riderId }: Release): Promise<RidingResult> {
  const by = riderId === undefined ? "anyones" : { riderId };
  return changeDelivery(context, { deliveryId, decide: (delivery) => release(delivery, by) });
}
