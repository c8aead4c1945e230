import { type CartLine, cartOf, orderKeyOf } from "./kept.ts";
import { readStored, store } from "./storage.ts";

/** The cart is kept for anyone who uses this browser, and its page says so. */
export const CART = "cart";
const ORDER_KEY = "order-key";

export const readCart = (): readonly CartLine[] => readStored(CART, cartOf) ?? [];

/** Keeps the cart. An empty one ends the order that it was to become. */
export function storeCart(lines: readonly CartLine[]): void {
  store(CART, lines);
  if (lines.length === 0) newOrderKey();
}

/**
 * The idempotency key of the order that this cart is to become: the same until that is known to have been placed, so that it is placed once whatever
 * happens to an answer. It tells nothing of anybody, and the shop keeps the keys of its customers apart.
 */
export function orderKey(): string {
  const kept = readStored(ORDER_KEY, orderKeyOf);
  if (kept !== undefined) return kept;
  const key = crypto.randomUUID();
  store(ORDER_KEY, key);
  return key;
}

/** Whether this cart's order was sent, and is not known to have been placed or refused. */
export function wasSent(): boolean {
  return readStored(ORDER_KEY, orderKeyOf) !== undefined;
}

/** Lets the next order be another one. */
export function newOrderKey(): void {
  store(ORDER_KEY, undefined);
}
