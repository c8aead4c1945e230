import { expect, test } from "bun:test";
import { applyChange } from "./product-change.ts";

const facts = { name: "Tea", description: "Green", price: 4_500, currency: "KRW" } as const;

test("what is given replaces, an empty description and a price of 0 too, and the rest stays", () => {
  expect(applyChange(facts, { price: 0, description: "" })).toEqual({ ...facts, price: 0, description: "" });
});

test("a change that says what was said before is none", () => {
  expect(applyChange(facts, {})).toBeUndefined();
  expect(applyChange(facts, { name: "Tea", price: 4_500 })).toBeUndefined();
});
