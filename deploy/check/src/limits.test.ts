import { expect, test } from "bun:test";
import { join } from "node:path";
import { longestLimitMs, quietLimitMs } from "./limits.ts";
import { filesOf, SUITES } from "./suites.ts";

const ROOT = join(import.meta.dir, "../../..");

test.each([
  ["none", `test("a", () => {});`, 5_000],
  ["a test's", `test("a", async () => {\n}, 240_000);`, 240_000],
  ["one within a describe", `describe("a", () => {\n  test("a", () => {\n  }, 90_000);\n});`, 90_000],
  ["one on a line of its own", `test.each([1])(\n  "a",\n  () => {},\n  480_000,\n);`, 480_000],
  ["the file's", `setDefaultTimeout(120_000);\ntest("a", () => {});`, 120_000],
  ["one below the usual", `test("a", () => {\n}, 1_000);`, 5_000],
])("the longest limit of a file with %s is found", (_which, source, expected) => {
  expect(longestLimitMs(source, 5_000)).toBe(expected);
});

test("every test file declares its limits in a form that is found, as a number", async () => {
  const unseen: string[] = [];
  for (const { name } of SUITES) {
    for (const file of await filesOf(name, ROOT)) {
      const source = await Bun.file(join(ROOT, file)).text();
      if (/^\s*\}, (?:[A-Z][A-Z_]+|\{ timeout: .*)\);$|setDefaultTimeout\((?![\d_]+\);)/m.test(source))
        unseen.push(file);
    }
  }
  expect(unseen).toEqual([]);
});

test("no test asserts how fast its machine is, and none gives a slow one less than a minute for what it waits for", async () => {
  const breaches: string[] = [];
  for (const { name } of SUITES) {
    for (const file of await filesOf(name, ROOT)) {
      if (file.endsWith("/eventually.test.ts") || file.endsWith("/limits.test.ts")) continue;
      const source = await Bun.file(join(ROOT, file)).text();
      for (const [index, line] of source.split("\n").entries())
        if (assertsSpeed(line)) breaches.push(`${file}:${index + 1}`);
    }
  }
  expect(breaches).toEqual([]);
});

test.each([
  "expect(performance.now() - startedAt).toBeLessThan(2_000);",
  "expect(Date.now() - startedAt).toBeLessThanOrEqual(2_000);",
  "expect(afterMs).toBeLessThan(1_500);",
  "await eventually(look, { deadlineMs: 5_000 });",
])("what asserts the speed of a machine is seen: %s", (line) => {
  expect(assertsSpeed(line)).toBe(true);
});

/** A bound of more is no measure of the machine: it tells what is slow from what is lost. */
const HANGS_MS = 20_000;

function assertsSpeed(line: string): boolean {
  const asserted =
    /expect\((?:performance\.now\(\)|Date\.now\(\)|\w*(?:tookMs|afterMs|elapsedMs|lastedMs)\b).*\)\.toBeLessThan(?:OrEqual)?\((.*?)\)/i;
  const [isSpeed, bound = ""] = asserted.exec(line) ?? [];
  if (isSpeed !== undefined && !(numberOf(bound) >= HANGS_MS)) return true;
  const [, deadline] = /deadlineMs: ([\d_]+)/.exec(line) ?? [];
  return deadline !== undefined && numberOf(deadline) < 60_000;
}

const numberOf = (literal: string) => Number(literal.replaceAll("_", ""));

test("a run may be quiet for longer than each of its tests may take", () => {
  const sources = [`test("a", () => {\n}, 240_000);`, `beforeAll(() => {\n}, 720_000);`];
  expect(quietLimitMs(sources, 5_000)).toBeGreaterThan(720_000);
});
