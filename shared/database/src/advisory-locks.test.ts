import { expect, test } from "bun:test";
import { ADVISORY_LOCKS } from "./advisory-locks.ts";

test("no two advisory locks have one number: one of them would wait for the other", () => {
  const numbers = Object.values(ADVISORY_LOCKS);
  expect(new Set(numbers).size).toBe(numbers.length);
});
