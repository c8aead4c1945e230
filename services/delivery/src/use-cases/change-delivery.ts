import type { Delivery } from "@shop/contracts/http/delivery";
import { inTransactionOn } from "@shop/database/transaction";
import type { Outgoing } from "@shop/messaging/outgoing";
import type { ServiceContext } from "@shop/service/context";
import { changeStanding, lockDelivery, standingOf, toDelivery } from "../db/deliveries.ts";
import type { RiderDecision, RiderRefusal, Standing } from "../domain/riding.ts";

export type RidingContext = Pick<ServiceContext, "db" | "outbox" | "wakeRelay" | "clock">;

export type RidingResult =
  | { readonly kind: "done"; readonly delivery: Delivery }
  | { readonly kind: "refused"; readonly code: "NOT_FOUND" | RiderRefusal };

/** What is common to all that people do with a delivery. */
export interface Riding<After extends Standing> {
  readonly deliveryId: string;
  readonly decide: (delivery: Standing, now: Date) => RiderDecision<After>;
  /** What others are told of the change. */
  readonly tell?: (about: { readonly orderId: string; readonly deliveryId: string }, after: After) => Outgoing;
}

/** Locks a delivery, lets `decide` say what becomes of it, and commits that together with what is told of it. */
export async function changeDelivery<After extends Standing>(
  { db, outbox, wakeRelay, clock }: RidingContext,
  { deliveryId, decide, tell }: Riding<After>,
): Promise<RidingResult> {
  const result = await inTransactionOn(db, deliveryId, async (tx): Promise<RidingResult> => {
    const row = await lockDelivery(tx, deliveryId);
    if (row === undefined) return { kind: "refused", code: "NOT_FOUND" };
    const now = new Date(clock.now());
    const decision = decide(standingOf(row), now);
    if (decision.kind === "refused") return decision;
    if (decision.kind === "unchanged") return { kind: "done", delivery: toDelivery(row) };
    const changed = await changeStanding(tx, row, decision.after, now);
    if (tell) await outbox.send(tx, [tell({ orderId: row.orderId, deliveryId }, decision.after)]);
    return { kind: "done", delivery: toDelivery(changed) };
  });
  wakeRelay();
  return result;
}
