import { ProductChanged } from "@shop/contracts/messages/product";
import type { Transaction } from "@shop/database/connect";
import type { Received } from "@shop/messaging/inbox/decode";
import { isUuid } from "@shop/runtime/ids";
import { lockOrders } from "../db/orders.ts";

/**
 * Locks every order that a batch is about, when it holds messages of several types. Each handler locks its own orders in the order of their
 * ids, but one after the other: two replicas, one with an order's command and one with its progress events, could deadlock with each other indefinitely.
 */
export async function lockMixedBatch(tx: Transaction, messages: readonly Received[]): Promise<void> {
  const aboutOrders = messages.filter(({ type, key }) => type !== ProductChanged.type && isUuid(key));
  if (new Set(aboutOrders.map(({ type }) => type)).size < 2) return;
  await lockOrders(tx, [...new Set(aboutOrders.map(({ key }) => key))]);
}
