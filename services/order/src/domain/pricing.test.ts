import { expect, test } from "bun:test";
import { MAX_PRICE } from "@shop/contracts/primitives";
import { price } from "./pricing.ts";

const entry = (productId: string, unitPrice: number, withdrawn = false) =>
  [productId, { productId, name: `Product ${productId}`, price: unitPrice, withdrawn }] as const;

test("an order costs the sum of its items, with names and prices as they are now", () => {
  const catalogue = new Map([entry("a", 4_500), entry("b", 0)]);
  const items = [
    { productId: "A", quantity: 3 },
    { productId: "b", quantity: 1 },
  ];
  expect(price(items, catalogue)).toEqual({
    kind: "priced",
    items: [
      { productId: "a", name: "Product a", unitPrice: 4_500, quantity: 3 },
      { productId: "b", name: "Product b", unitPrice: 0, quantity: 1 },
    ],
    total: 13_500,
  });
});

test("products that are unknown or withdrawn are told by their position", () => {
  const catalogue = new Map([entry("a", 1), entry("w", 1, true)]);
  const items = ["a", "w", "x"].map((productId) => ({ productId, quantity: 1 }));
  expect(price(items, catalogue)).toEqual({ kind: "unknownProducts", positions: [1, 2] });
});

test("the largest order that can be placed has a total that JSON carries exactly", () => {
  const ids = Array.from({ length: 50 }, (_, index) => `p${index}`);
  const priced = price(
    ids.map((productId) => ({ productId, quantity: 1_000 })),
    new Map(ids.map((id) => entry(id, MAX_PRICE))),
  );
  expect(priced.kind === "priced" && Number.isSafeInteger(priced.total)).toBe(true);
});
