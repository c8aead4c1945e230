import type { DeliveryStatus } from "@shop/contracts/http/delivery";
import type { OrderStatus } from "@shop/contracts/http/order";
import type { CancelReason, ItemToTake } from "@shop/contracts/primitives";

/** A saga that is idle, as it was when the others were asked about its order. */
export interface AskedSaga {
  readonly orderId: string;
  readonly revision: number;
  /** How it has ended, or that it waits for a rider. */
  readonly rest: "COMPLETE" | "CANCELLED" | "WAITING_FOR_RIDER";
  readonly reason: CancelReason | null;
  readonly items: readonly ItemToTake[];
}

/** What the other services reported of the orders of one round. An order that is not named is not known there, or holds nothing. */
export interface AuditReports {
  readonly orders: readonly {
    readonly orderId: string;
    readonly status: OrderStatus;
    readonly cancelReason: CancelReason | null;
  }[];
  readonly reservations: readonly { readonly orderId: string; readonly items: readonly ItemToTake[] }[];
  readonly deliveries: readonly { readonly orderId: string; readonly status: DeliveryStatus }[];
}

/**
 * Compares sagas with what the other services reported of their orders.
 * @returns by order id, what does not agree, as one sentence; orders on which all agree are not in it
 */
export function disagreements(asked: readonly AskedSaga[], reported: AuditReports): ReadonlyMap<string, string> {
  const orderOf = byOrder(reported.orders);
  const reservationOf = byOrder(reported.reservations);
  const deliveryOf = byOrder(reported.deliveries);
  const result = new Map<string, string>();
  for (const saga of asked) {
    const { orderId } = saga;
    const wrong = judge(saga, orderOf.get(orderId), reservationOf.get(orderId), deliveryOf.get(orderId));
    if (wrong.length > 0) result.set(orderId, `the saga is ${saga.rest}, but ${wrong.join(", and ")}`);
  }
  return result;
}

function judge(
  { rest, reason, items }: AskedSaga,
  order: AuditReports["orders"][number] | undefined,
  reservation: AuditReports["reservations"][number] | undefined,
  delivery: AuditReports["deliveries"][number] | undefined,
): readonly string[] {
  const wrong: string[] = [];
  const expected = rest === "WAITING_FOR_RIDER" ? "PENDING" : rest;
  if (order?.status !== expected) wrong.push(`the order is ${order?.status ?? "unknown to its service"}`);
  else if (rest === "CANCELLED" && order.cancelReason !== reason)
    wrong.push(`the order was cancelled for ${order.cancelReason} instead of ${reason}`);

  if (rest === "CANCELLED") {
    if (reservation) wrong.push(`the order still holds ${summary(reservation.items)}`);
    if (delivery?.status === "PENDING" || delivery?.status === "COMPLETE")
      wrong.push(`the delivery is ${delivery.status}`);
    return wrong;
  }
  if (reservation === undefined) wrong.push("the order holds no stock");
  else if (summary(reservation.items) !== summary(items))
    wrong.push(`the order holds ${summary(reservation.items)} instead of ${summary(items)}`);
  if (delivery?.status !== (rest === "COMPLETE" ? "COMPLETE" : "PENDING"))
    wrong.push(`the delivery is ${delivery?.status ?? "missing"}`);
  return wrong;
}

function byOrder<Entry extends { readonly orderId: string }>(entries: readonly Entry[]): ReadonlyMap<string, Entry> {
  return new Map(entries.map((entry) => [entry.orderId, entry]));
}

function summary(items: readonly ItemToTake[]): string {
  return items
    .map(({ productId, quantity }) => `${quantity} of ${productId}`)
    .toSorted()
    .join(" and ");
}
