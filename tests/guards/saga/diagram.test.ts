import { expect, test } from "bun:test";
import { join } from "node:path";
import { REPOSITORY } from "../repository.ts";
import { diagramIn, PAGE, sagaDiagram, withDiagram } from "./diagram.ts";

const page = await Bun.file(join(REPOSITORY, PAGE)).text();

test("the documents draw the steps of the saga as they are; if not, run `bun run generate:saga`", () => {
  expect(diagramIn(page)).toBe(sagaDiagram());
});

test("a diagram that misses a step is noticed, and written anew", () => {
  const stale = page.replace(/^ {2}CREATE_DELIVERY\[.*\n/m, "");
  expect(diagramIn(stale)).not.toBe(sagaDiagram());
  expect(withDiagram(stale)).toBe(page);
});
