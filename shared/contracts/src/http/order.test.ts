import { expect, test } from "bun:test";
import { createOrder } from "./order.ts";

const idOf = (n: number) => `01939e6a-7c00-7000-8000-${n.toString(16).padStart(12, "0")}`;
const itemsOf = (count: number, quantity = 1) =>
  Array.from({ length: count }, (_, index) => ({ productId: idOf(index), quantity }));
const isTaken = (items: readonly object[]) =>
  createOrder.body.safeParse({ items, deliveryAddress: "1 Sejong-daero" }).success;

test("an order is of one to fifty products, each once, and of one to a thousand pieces of each", () => {
  expect([0, 1, 50, 51].map((count) => isTaken(itemsOf(count)))).toEqual([false, true, true, false]);
  expect([0, 1, 1_000, 1_001].map((quantity) => isTaken(itemsOf(1, quantity)))).toEqual([false, true, true, false]);
  const shouted = { productId: idOf(0xabc).toUpperCase(), quantity: 1 };
  expect(
    [
      [shouted, { ...shouted, productId: idOf(0xabc) }],
      [shouted, ...itemsOf(2)],
    ].map(isTaken),
  ).toEqual([false, true]);
});
