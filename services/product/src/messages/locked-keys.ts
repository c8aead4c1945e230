import { DecreaseProductCommand, IncreaseProductCommand } from "@shop/contracts/messages/product";
import type { Transaction } from "@shop/database/connect";
import type { Received } from "@shop/messaging/inbox/decode";
import { keysOf } from "@shop/messaging/inbox/handlers";
import { lockFreeProducts } from "../db/products.ts";
import { heldByOrders, lockFreeReservations } from "../db/reservations.ts";

/**
 * Locks the reservations and the products that a batch changes, as far as that needs no waiting.
 * @returns the keys of the messages that need one which another transaction has locked
 */
export async function lockedKeys(tx: Transaction, messages: readonly Received[]): Promise<ReadonlySet<string>> {
  const stock = messages.filter(
    ({ type }) => type === DecreaseProductCommand.type || type === IncreaseProductCommand.type,
  );
  const locked = new Set(await lockFreeReservations(tx, keysOf(stock)));
  const free = stock.filter(({ key }) => !locked.has(key));
  const products = await productsOf(tx, free);
  const lockedProducts = await lockFreeProducts(tx, [...products.values()].flat());
  for (const [key, needed] of products) if (needed.some((id) => lockedProducts.has(id))) locked.add(key);
  return locked;
}

/** Which products the messages of each key change, in lower case. */
async function productsOf(
  tx: Transaction,
  messages: readonly Received[],
): Promise<ReadonlyMap<string, readonly string[]>> {
  const taking = messages.filter(({ type }) => type === DecreaseProductCommand.type);
  const returning = messages.filter(({ type }) => type === IncreaseProductCommand.type);
  const wanted = taking.map(({ key, data }) => ({ key, items: DecreaseProductCommand.data.parse(data).items }));
  const held = await heldByOrders(
    tx,
    returning.map(({ data }) => IncreaseProductCommand.data.parse(data).orderId),
  );
  const heldOf = new Map(held.map(({ orderId, items }) => [orderId, items]));
  const given = returning.map(({ key, data }) => {
    const { orderId } = IncreaseProductCommand.data.parse(data);
    return { key, items: heldOf.get(orderId.toLowerCase()) ?? [] };
  });
  const byKey = Map.groupBy([...wanted, ...given], ({ key }) => key);
  return new Map(
    [...byKey].map(([key, all]) => [
      key,
      all.flatMap(({ items }) => items.map(({ productId }) => productId.toLowerCase())),
    ]),
  );
}
