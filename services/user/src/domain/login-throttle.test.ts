import { expect, test } from "bun:test";
import { areSettled, throttledForMs } from "./login-throttle.ts";

const NOW_MS = Date.UTC(2026, 0, 1);
const failuresAgo = (...seconds: readonly number[]) => seconds.map((s) => new Date(NOW_MS - s * 1000));

test("nine failures leave a name open, the tenth closes it until it leaves the minute", () => {
  expect(throttledForMs(failuresAgo(1, 2, 3, 4, 5, 6, 7, 8, 9), NOW_MS)).toBe(0);
  expect(throttledForMs(failuresAgo(1, 2, 3, 4, 5, 6, 7, 8, 9, 50), NOW_MS)).toBe(10_000);
  expect(throttledForMs(failuresAgo(1, 2, 3, 4, 5, 6, 7, 8, 9, 61), NOW_MS)).toBe(0);
});

test("an attempt's outcome is known a while after its turn came, and nothing is unknown of a name that was not tried", () => {
  expect([areSettled([], NOW_MS), areSettled(failuresAgo(1, 50), NOW_MS), areSettled(failuresAgo(6), NOW_MS)]).toEqual([
    true,
    false,
    true,
  ]);
});
