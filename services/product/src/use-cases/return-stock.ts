import type { Transaction } from "@shop/database/connect";
import { lockStockLevels, moveToOrders } from "../db/products.ts";
import { claimReservations, returnReservations } from "../db/reservations.ts";
import { totalsByProduct } from "../domain/stock.ts";

/**
 * Gives back exactly what each order took, also to a product that was withdrawn meanwhile. For an order that took nothing yet it leaves a
 * tombstone, so that a command to take that comes late takes nothing. Asked again, it changes nothing.
 */
export async function returnStock(tx: Transaction, orderIds: readonly string[], now: Date): Promise<void> {
  const reservations = await claimReservations(
    tx,
    orderIds.map((orderId) => ({ orderId, status: "RETURNED", items: [] })),
    now,
  );
  const held = [...reservations.values()].filter(({ status }) => status === "TAKEN");
  if (held.length === 0) return;

  const returned = totalsByProduct(held.flatMap(({ items }) => items));
  await lockStockLevels(
    tx,
    returned.map(({ productId }) => productId),
  );
  moveToOrders(
    tx,
    returned.map(({ productId, quantity }) => ({ productId, quantity: -quantity })),
  );
  await returnReservations(
    tx,
    held.map(({ orderId }) => orderId),
    now,
  );
}
