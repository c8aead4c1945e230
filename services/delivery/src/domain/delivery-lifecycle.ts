/** The state of a delivery: a rider can only have completed it or given it up as themselves. */
export type DeliveryState =
  | { readonly status: "PENDING"; readonly riderId: string | null }
  | { readonly status: "COMPLETE"; readonly riderId: string; readonly completedAt: Date }
  | { readonly status: "FAILED"; readonly riderId: string; readonly failReason: string }
  | { readonly status: "CANCELLED"; readonly riderId: string | null };

export type RiderRefusal = "DELIVERY_ENDED" | "DELIVERY_TAKEN" | "DELIVERY_NOT_YOURS";

/** What comes of a rider's wish: a new state, none because it has that state already, or a refusal. */
export type RiderDecision<After extends DeliveryState = DeliveryState> =
  | { readonly kind: "changed"; readonly after: After }
  | { readonly kind: "unchanged" }
  | { readonly kind: "refused"; readonly code: RiderRefusal };

type Pending = Extract<DeliveryState, { status: "PENDING" }>;
type Complete = Extract<DeliveryState, { status: "COMPLETE" }>;
type Failed = Extract<DeliveryState, { status: "FAILED" }>;

const unchanged = { kind: "unchanged" } as const;
const refused = (code: RiderRefusal) => ({ kind: "refused", code }) as const;

/** A rider takes a waiting delivery. */
export function claim(delivery: DeliveryState, riderId: string): RiderDecision<Pending> {
  if (delivery.status !== "PENDING") return refused("DELIVERY_ENDED");
  if (delivery.riderId === riderId) return unchanged;
  if (delivery.riderId !== null) return refused("DELIVERY_TAKEN");
  return { kind: "changed", after: { status: "PENDING", riderId } };
}

/** The rider who has it, or an admin (`anyones`), gives it back to all riders. */
export function release(delivery: DeliveryState, by: { readonly riderId: string } | "anyones"): RiderDecision<Pending> {
  if (delivery.status !== "PENDING") return refused("DELIVERY_ENDED");
  if (delivery.riderId === null) return unchanged;
  if (by !== "anyones" && by.riderId !== delivery.riderId) return refused("DELIVERY_TAKEN");
  return { kind: "changed", after: { status: "PENDING", riderId: null } };
}

/** The goods are with the customer: by the rider who has it, or by any rider when nobody has claimed it. */
export function complete(delivery: DeliveryState, riderId: string, now: Date): RiderDecision<Complete> {
  switch (delivery.status) {
    case "PENDING":
      if (delivery.riderId !== null && delivery.riderId !== riderId) return refused("DELIVERY_TAKEN");
      return { kind: "changed", after: { status: "COMPLETE", riderId, completedAt: now } };
    case "COMPLETE":
      return delivery.riderId === riderId ? unchanged : refused("DELIVERY_TAKEN");
    case "FAILED":
    case "CANCELLED":
      return refused("DELIVERY_ENDED");
  }
}

/** The rider who has it gives it up for good; the first reason stays. */
export function fail(delivery: DeliveryState, riderId: string, failReason: string): RiderDecision<Failed> {
  switch (delivery.status) {
    case "PENDING":
      if (delivery.riderId === null) return refused("DELIVERY_NOT_YOURS");
      if (delivery.riderId !== riderId) return refused("DELIVERY_TAKEN");
      return { kind: "changed", after: { status: "FAILED", riderId, failReason } };
    case "FAILED":
      return delivery.riderId === riderId ? unchanged : refused("DELIVERY_TAKEN");
    case "COMPLETE":
    case "CANCELLED":
      return refused("DELIVERY_ENDED");
  }
}
