import type { Entry } from "../load/journal.ts";
import type { Evidence } from "./evidence.ts";
import type { Breach } from "./rules.ts";

/** What may have been done, though its caller was not told so. */
const mayBeDone = ({ status }: Entry) => (status >= 200 && status < 300) || status === 0 || status === 503;

/** I2: no order is cancelled but for a cause, and for the one that it names. */
export function endedForCause({ accounts, journal, mayTimeOut = false }: Evidence): readonly Breach[] {
  const done = journal.filter(mayBeDone);
  const cancelledBy = (isBy: (entry: Entry) => boolean) =>
    new Set(done.flatMap((entry) => (entry.call.endsWith("/cancel") && isBy(entry) ? (entry.orderId ?? []) : [])));
  const byAdmin = cancelledBy(({ who }) => who.startsWith("admin"));
  const byCustomer = cancelledBy(({ who }) => !who.startsWith("admin"));
  const withdrawn = new Set(done.flatMap(({ method, about }) => (method === "DELETE" ? (about ?? []) : [])));
  const refusalOf = new Map(accounts.reservations.map((row) => [row.order_id, row.refusal]));
  const failed = new Set(
    accounts.deliveries.flatMap(({ order_id: orderId, status }) => (status === "FAILED" ? orderId : [])),
  );
  return accounts.orders.flatMap(({ id, reason, items }): readonly Breach[] => {
    if (reason === null) return [];
    const isSo: Readonly<Record<string, boolean>> = {
      OUT_OF_STOCK: refusalOf.get(id) === "OUT_OF_STOCK",
      PRODUCT_NOT_FOUND:
        refusalOf.get(id) === "PRODUCT_NOT_FOUND" && items.some(({ productId }) => withdrawn.has(productId)),
      CANCELLED_BY_CUSTOMER: byCustomer.has(id),
      CANCELLED_BY_ADMIN: byAdmin.has(id),
      DELIVERY_FAILED: failed.has(id),
      TIMED_OUT: mayTimeOut,
    };
    return isSo[reason] === true ? [] : [{ rule: "I2", orderId: id, text: `was cancelled as ${reason} without cause` }];
  });
}
