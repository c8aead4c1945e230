import { expect, test } from "bun:test";
import { join } from "node:path";
import { longestLimitMs, quietLimitMs } from "./limits.ts";
import { filesOf, SUITES } from "./suites.ts";

const ROOT = join(import.meta.dir, "../../../..");

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

test("a run may be quiet for longer than each of its tests may take", () => {
  const sources = [`test("a", () => {\n}, 240_000);`, `beforeAll(() => {\n}, 720_000);`];
  expect(quietLimitMs(sources, 5_000)).toBeGreaterThan(720_000);
});
