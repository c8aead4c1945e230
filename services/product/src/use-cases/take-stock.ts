import type { DecreaseRefusal } from "@shop/contracts/messages/product";
import type { Transaction } from "@shop/database/connect";
import { ExplainedError } from "@shop/runtime/errors";
import { lockStockLevels, moveToOrders } from "../db/products.ts";
import { claimReservations, refuseReservations } from "../db/reservations.ts";
import { decideInOrder, type StockRequest, totalsByProduct } from "../domain/stock.ts";

export interface Taking {
  readonly orderId: string;
  /** Why nothing was taken; undefined when the order has all of its items. */
  readonly refusal: DecreaseRefusal | undefined;
}

/**
 * Takes for each order all of its items or none, first come, first served. An order that was decided before is given the same answer again,
 * and one that was compensated before gets nothing.
 * @returns an answer per request, in their order
 */
export async function takeStock(
  tx: Transaction,
  requests: readonly StockRequest[],
  now: Date,
): Promise<readonly Taking[]> {
  const wanted = requests.map(({ orderId, items }) => ({ orderId, items: totalsByProduct(items) }));
  const claims = wanted.map((request) => ({ ...request, status: "TAKEN" as const }));
  const products = new Set(wanted.flatMap(({ items }) => items.map(({ productId }) => productId)));
  // One behind the other in one round trip, so also the stock levels of orders that have been decided: these are few.
  const [reservations, stockLevels] = await Promise.all([
    claimReservations(tx, claims, now),
    lockStockLevels(tx, [...products]),
  ]);

  const undecided = wanted.filter(({ orderId }) => reservations.get(orderId)?.isNew);
  const { byOrder, taken } = decideInOrder(undecided, stockLevels);
  moveToOrders(tx, taken);
  await refuseReservations(
    tx,
    [...byOrder].flatMap(([orderId, decision]) =>
      decision.kind === "refused" ? [{ orderId, reason: decision.reason }] : [],
    ),
  );

  return requests.map(({ orderId }) => {
    const decision = byOrder.get(orderId);
    if (decision !== undefined) return { orderId, refusal: decision.kind === "refused" ? decision.reason : undefined };
    const earlier = reservations.get(orderId);
    if (earlier === undefined) throw new ExplainedError(`order ${orderId} has no reservation after it was claimed`);
    return { orderId, refusal: refusalOf(earlier) };
  });
}

function refusalOf({
  status,
  refusal,
}: {
  readonly status: string;
  readonly refusal: DecreaseRefusal | null;
}): DecreaseRefusal | undefined {
  if (status === "RETURNED") return "ALREADY_RETURNED";
  return refusal ?? undefined;
}
