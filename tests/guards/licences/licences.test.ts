import { expect, test } from "bun:test";
import { EXCEPTIONS, isAllowed } from "./allowed.ts";
import { installedPackages } from "./installed.ts";

const installed = await installedPackages();

test("every installed package has a licence that is allowed; see tests/guards/licences/allowed.ts before adding one", () => {
  expect(installed.length).toBeGreaterThan(300);
  expect(installed.filter(({ name, licence }) => !isAllowed(name, licence))).toEqual([]);
});

test("every exception is needed", () => {
  const names = new Set(installed.map(({ name }) => name));
  expect([...EXCEPTIONS.keys()].filter((name) => !names.has(name))).toEqual([]);
});

test.each([
  ["MIT", true],
  ["MIT OR GPL-3.0-only", true],
  ["(MIT OR CC0-1.0)", true],
  ["MIT AND (ISC OR GPL-2.0-only)", true],
  ["MIT AND GPL-2.0-only", false],
  ["(GPL-2.0-only OR AGPL-3.0-only) AND MIT", false],
  ["MPL-2.0", false],
  ["SEE LICENSE IN LICENSE.txt", false],
  ["", false],
  [null, false],
])("%p: %p", (licence, allowed) => {
  expect(isAllowed("a-package", licence)).toBe(allowed);
});
