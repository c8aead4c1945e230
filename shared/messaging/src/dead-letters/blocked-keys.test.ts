import { expect, test } from "bun:test";
import { nextRetryAt } from "./blocked-keys.ts";

const SECOND = 1_000;

test("a message that goes on failing is tried ever more rarely, after as long again as it has failed, and at least every ten minutes", () => {
  const pauseAfter = (failingForMs: number) => nextRetryAt(0, failingForMs) - failingForMs;
  expect([1, 5, 30, 300].map((seconds) => pauseAfter(seconds * SECOND))).toEqual(
    [5, 5, 30, 300].map((s) => s * SECOND),
  );
  expect(pauseAfter(86_400 * SECOND)).toBe(600 * SECOND);
});
