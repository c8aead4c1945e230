import { expect, test } from "bun:test";
import { trackedFiles } from "./repository.ts";
import { misplaced, PLACES } from "./tree.ts";

const tracked = await trackedFiles();

test("every tracked file has its place; if not, remove it and ignore it in .gitignore, or add its rule to tests/guards/tree.ts", () => {
  expect(tracked.length).toBeGreaterThan(700);
  expect(misplaced(tracked)).toEqual([]);
});

test.each(PLACES.map(({ files }) => files))("the rule for %s covers a file", (files) => {
  const glob = new Bun.Glob(files);
  expect(tracked.some((path) => glob.match(path))).toBe(true);
});

test("a tool's cache, an editor's copy and a file of a kind that its folder does not hold are refused", () => {
  const strays = [
    ".schemathesis/default/cache/crashes/1.json",
    ".idea/workspace.xml",
    "notes.md",
    "services/order/src/service.ts.orig",
    "services/order/dump.sql",
    "deploy/terraform/terraform.tfstate",
    "tests/browser/screenshots/1.png",
    "docs/example.ts",
    ".env",
  ];
  expect(misplaced([...strays, "services/order/src/service.ts", "docs/messages.md"])).toEqual(strays);
});
