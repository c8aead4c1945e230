import { describe, expect, test } from "bun:test";
import type { CartLine, CartProduct } from "../kept.ts";
import { offerOf, totalOf } from "./offer.ts";

const product = (id: string, facts: Partial<CartProduct> = {}): CartProduct => ({
  ...{ id, name: `Product ${id}`, price: 2_000, currency: "KRW", stock: 10 },
  ...facts,
});
const line = (id: string, quantity = 2): CartLine => ({ product: product(id), quantity });
const as = (...products: readonly CartProduct[]) => new Map(products.map((one) => [one.id, one]));

describe("what can be ordered in place of what was shown", () => {
  test("is the same while nothing has changed, or nothing is known", () => {
    const shown = [line("a"), line("b", 10)];
    expect(offerOf(shown, as(product("a"), product("b")))).toEqual({ lines: shown, changes: [] });
    expect(offerOf(shown, new Map())).toEqual({ lines: shown, changes: [] });
  });

  test("has the new price, also a lower one, and says what it was", () => {
    for (const price of [18_000, 1]) {
      const now = product("a", { price });
      const { lines, changes } = offerOf([line("a", 3), line("b", 1)], as(now));
      expect(changes).toEqual([{ kind: "price", product: now, was: 2_000 }]);
      expect(totalOf(lines)).toBe(3 * price + 2_000);
    }
  });

  test("leaves out what was withdrawn and what is sold out, and takes what is left of the rest", () => {
    const [soldOut, few] = [product("b", { stock: 0 }), product("c", { stock: 1 })];
    const now = new Map([["a", undefined], ...as(soldOut, few)]);
    const { lines, changes } = offerOf([line("a"), line("b"), line("c"), line("d")], now);
    expect(lines).toEqual([{ product: few, quantity: 1 }, line("d")]);
    expect(changes).toEqual([
      { kind: "gone", product: product("a") },
      { kind: "soldOut", product: soldOut },
      { kind: "fewer", product: few, was: 2 },
    ]);
  });

  test("tells two changes of one product", () => {
    const now = product("a", { price: 1, stock: 1 });
    expect(offerOf([line("a")], as(now)).changes.map(({ kind }) => kind)).toEqual(["price", "fewer"]);
  });
});
