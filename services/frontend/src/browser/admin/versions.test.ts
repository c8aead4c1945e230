import { expect, test } from "bun:test";
import { changedMeanwhile, differences } from "./versions.ts";

const before = { name: "Jar", description: "White", price: 2_000 };

test("what is sent of a product is what its form has changed, so that nothing else is reverted", () => {
  expect(differences(before, before)).toEqual({});
  expect(differences(before, { ...before, price: 1 })).toEqual({ price: 1 });
});

test("what somebody else has changed is told field by field, with what the form would make of it", () => {
  const theirs = { name: "Moon jar", description: "White", price: 1_800 };
  expect(changedMeanwhile(before, theirs, { ...before, description: "Grey", price: 2_200 })).toEqual([
    { field: "name", before: "Jar", theirs: "Moon jar", mine: undefined },
    { field: "price", before: 2_000, theirs: 1_800, mine: 2_200 },
  ]);
  expect(changedMeanwhile(before, theirs, theirs).map(({ mine }) => mine)).toEqual([undefined, undefined]);
});
