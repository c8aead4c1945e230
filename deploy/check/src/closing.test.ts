import { expect, test } from "bun:test";
import { closingLines, summaryOf } from "./closing.ts";

const tallies = [
  { passed: 3, failed: 0, remarks: [] },
  { passed: 4, failed: 1, remarks: ["a remark"] },
];
const skipped = [
  { name: "browser", reason: "no Chromium" },
  { name: "cluster", reason: "only when named" },
  { name: "restore", reason: "only when named" },
];

test("the last line counts what passed and failed, and what did not run, which the line before it names", () => {
  expect(closingLines({ tallies, skipped: [], running: null })).toEqual(["7 passed, 1 failed"]);
  expect(closingLines({ tallies, skipped, running: null })).toEqual([
    "not run: browser (no Chromium); cluster, restore (only when named)",
    "7 passed, 1 failed, 3 skipped",
  ]);
});

test("the summary names the check under way until the end", () => {
  const lines = "passed 7\nfailed 1\nskipped browser no Chromium\n";
  expect(summaryOf({ tallies, skipped: skipped.slice(0, 1), running: "unit" })).toBe(`${lines}running unit\n`);
  expect(summaryOf({ tallies, skipped: skipped.slice(0, 1), running: null })).toBe(lines);
});
