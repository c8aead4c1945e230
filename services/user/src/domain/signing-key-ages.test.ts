import { expect, test } from "bun:test";
import { keyToSignWith, SHOWN_BEFORE_USE_MS } from "./signing-key-ages.ts";

const nowMs = Date.UTC(2026, 0, 1);
const key = (kid: string, ageMs: number) => ({ kid, createdAt: new Date(nowMs - ageMs) });

test.each([
  ["a lone key signs, however new", [key("a", 0)], "a"],
  ["a newer key does not sign before all can know it", [key("b", SHOWN_BEFORE_USE_MS - 1), key("a", 9e9)], "a"],
  ["then it does", [key("b", SHOWN_BEFORE_USE_MS), key("a", 9e9)], "b"],
  ["of two that are new the older one signs", [key("b", 5), key("a", 10)], "a"],
  ["of many the newest that is old enough signs", [key("c", 10), key("b", 8e8), key("a", 9e9)], "b"],
])("%s", (_what, keys, kid) => {
  expect(keyToSignWith(keys, nowMs)?.kid).toBe(kid);
});
