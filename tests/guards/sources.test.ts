import { expect, test } from "bun:test";
import { join } from "node:path";
import { REPOSITORY, repositoryPaths } from "./repository.ts";

// In two parts, so that this file does not name them.
const SWITCH = new RegExp(["(?:ox|es)lint", "disable|oxfmt", "ignore"].join("-"));

test("no source switches a guard off for itself", async () => {
  const sources = (await repositoryPaths()).filter((path) => /\.tsx?$/.test(path));
  const contents = await Promise.all(sources.map((path) => Bun.file(join(REPOSITORY, path)).text()));
  expect(sources.length).toBeGreaterThan(600);
  expect(sources.filter((_, index) => SWITCH.test(contents[index] ?? ""))).toEqual([]);
  expect(["oxlint", "disable-next-line no-empty"].join("-")).toMatch(SWITCH);
});
