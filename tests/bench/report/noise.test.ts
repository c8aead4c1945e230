import { expect, test } from "bun:test";
import { ROUNDS_TO_COMPARE, signTest } from "./noise.ts";

test("rounds that all agree are a difference from the sixth on, and not before", () => {
  expect(signTest(ROUNDS_TO_COMPARE, 0)).toBeCloseTo(0.03125);
  expect(signTest(0, ROUNDS_TO_COMPARE)).toBeCloseTo(0.03125);
  expect(signTest(ROUNDS_TO_COMPARE - 1, 0)).toBeGreaterThan(0.05);
});

test("rounds that go both ways are no difference", () => {
  expect(signTest(3, 3)).toBe(1);
  expect(signTest(4, 2)).toBeCloseTo(0.6875);
  expect(signTest(9, 1)).toBeCloseTo(0.0215, 3);
});
