import { expect, test } from "bun:test";
import { join } from "node:path";
import { readResults } from "../results/results.ts";
import { renderedDocuments } from "../results/tables.ts";
import { REPOSITORY } from "./repository.ts";

test("the tables of results are what the kept results make; `bun run results` writes them", async () => {
  const documents = await renderedDocuments();
  expect([...documents.keys()]).toEqual([
    "docs/reliability.md",
    "docs/results/chaos.md",
    "docs/results/sim.md",
    "docs/results/mistakes.md",
    "docs/performance.md",
    "docs/operations.md",
  ]);
  for (const [path, text] of documents) expect(await Bun.file(join(REPOSITORY, path)).text()).toBe(text);
});

test("each kept result can be read, and says what it was measured on or that this is not known", async () => {
  const all = [...(await readResults("chaos")), ...(await readResults("sim")), ...(await readResults("bench"))];
  expect(all.length).toBeGreaterThan(80);
  const silent = all.filter(({ commit, writtenDownBy }) => commit === null && writtenDownBy === undefined);
  expect(silent).toEqual([]);
});
