import { describe, expect, test } from "bun:test";
import { cartOf, personalOf } from "./kept.ts";

const id = (number: number) => `01939e6a-7c00-7000-8000-${String(number).padStart(12, "0")}`;
const product = { id: id(1), name: "Yakgwa", price: 9_000, currency: "KRW", stock: 7 } as const;

describe("a stored cart", () => {
  test("of this release is taken as it is, and of an earlier one without what is not used", () => {
    expect(cartOf([])).toEqual([]);
    expect(cartOf([{ product, quantity: 2 }])).toEqual([{ product, quantity: 2 }]);
    const earlier = { ...product, description: "Honey", version: 3 };
    expect(cartOf([{ product: earlier, quantity: 1_000 }])).toEqual([{ product, quantity: 1_000 }]);
  });

  test.each([null, 0, "cart", true, {}, { items: [] }, { length: 2 }, Number.MAX_VALUE])(
    "that is %j is none",
    (value) => {
      expect(cartOf(value)).toBeUndefined();
    },
  );

  test.each([
    null,
    "line",
    { id: id(1), quantity: 1 },
    { product: id(1), quantity: 1 },
    { product: null, quantity: 1 },
    { product, quantity: "1" },
    { product, quantity: 0 },
    { product, quantity: 1.5 },
    { product, quantity: 1e308 },
    { product, quantity: 1_001 },
    { product, quantity: null },
    { product: { ...product, id: 1 }, quantity: 1 },
    { product: { ...product, id: "../../session" }, quantity: 1 },
    { product: { ...product, name: { en: "Yakgwa" } }, quantity: 1 },
    { product: { ...product, name: " " }, quantity: 1 },
    { product: { ...product, name: "x".repeat(401) }, quantity: 1 },
    { product: { ...product, price: -1 }, quantity: 1 },
    { product: { ...product, price: 1e21 }, quantity: 1 },
    { product: { ...product, price: "9000" }, quantity: 1 },
    { product: { ...product, currency: "kr" }, quantity: 1 },
    { product: { ...product, currency: undefined }, quantity: 1 },
    { product: { ...product, stock: 2 ** 31 }, quantity: 1 },
  ])("loses the line %j and keeps the others", (line) => {
    const other = { product: { ...product, id: id(2) }, quantity: 3 };
    expect(cartOf([line, other])).toEqual([other]);
  });

  test("has no product twice, and no more of them than an order may have", () => {
    const lines = Array.from({ length: 200 }, (_, index) => ({ product: { ...product, id: id(index) }, quantity: 1 }));
    expect(cartOf([...lines, ...lines])?.map((line) => line.product.id)).toEqual(
      lines.slice(0, 50).map((line) => line.product.id),
    );
  });
});

test("what is kept of a person is taken when it says whose it is, and nothing else", () => {
  const kept = { userId: id(9), deliveryAddress: "1 Sejong-daero" };
  expect(personalOf(kept)).toEqual(kept);
  for (const value of [
    null,
    1,
    "1 Sejong-daero",
    [],
    {},
    { ...kept, userId: 9 },
    { userId: id(9) },
    { ...kept, deliveryAddress: "x".repeat(1_001) },
  ])
    expect(personalOf(value)).toBeUndefined();
});
