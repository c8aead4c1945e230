import { DecreaseProductCommand, IncreaseProductCommand } from "@shop/contracts/messages/product";
import type { Transaction } from "@shop/database/connect";
import type { Received } from "@shop/messaging/inbox/decode";
import { lockStockLevels } from "../db/products.ts";
import { productsHeldBy } from "../db/reservations.ts";
import { totalsByProduct } from "../domain/stock.ts";

/**
 * Locks every stock level that a batch touches, when the batch both takes and gives back. Each of the two locks its own stock levels in the order of
 * their ids, but one after the other: two replicas with such batches could wait for each other indefinitely.
 */
export async function lockMixedBatch(tx: Transaction, messages: readonly Received[]): Promise<void> {
  const taking = messages.filter(({ type }) => type === DecreaseProductCommand.type);
  const returning = messages.filter(({ type }) => type === IncreaseProductCommand.type);
  if (taking.length === 0 || returning.length === 0) return;

  const wanted = totalsByProduct(taking.flatMap(({ data }) => DecreaseProductCommand.data.parse(data).items));
  const held = await productsHeldBy(
    tx,
    returning.map(({ data }) => IncreaseProductCommand.data.parse(data).orderId),
  );
  await lockStockLevels(tx, [...wanted.map(({ productId }) => productId), ...held]);
}
