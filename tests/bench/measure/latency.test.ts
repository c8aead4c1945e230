import { expect, test } from "bun:test";
import { latencyOf, median } from "./latency.ts";

test("percentiles come within a thousandth of those of all values", () => {
  const values = Array.from({ length: 100_000 }, (_, index) => (index + 1) / 100);
  const { p50, p99, max } = latencyOf(values.toReversed());
  expect(Math.abs(p50 / 500 - 1)).toBeLessThan(0.001);
  expect(Math.abs(p99 / 990 - 1)).toBeLessThan(0.001);
  expect(Math.abs(max / 1_000 - 1)).toBeLessThan(0.001);
});

test("a single long wait is not lost", () => {
  expect(latencyOf([1, 1, 30_000]).max).toBeGreaterThan(29_900);
});

test("the median of an even number of values lies between the middle two", () => {
  expect(median([4, 1, 3, 2])).toBe(2.5);
  expect(median([3, 1, 2])).toBe(2);
});
