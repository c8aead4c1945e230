import { expect, setDefaultTimeout, test } from "bun:test";
import { availableParallelism } from "node:os";
import { seedOf } from "../chaos/options.ts";
import { Judged } from "./report.ts";
import { playOnWorkers } from "./workers.ts";

setDefaultTimeout(240_000);

const FOR_MS = 60_000;
const SEEDS_PER_DAY = 1_000;

test("every rule holds under each of the day's seeds, as many as fit in a minute", async () => {
  const from = seedOf(new Date()) * SEEDS_PER_DAY;
  const broken: string[] = [];
  let played = 0;
  const judged = new Judged();
  await playOnWorkers({
    ...{ from, seeds: SEEDS_PER_DAY, forMs: FOR_MS, workers: availableParallelism(), faults: undefined },
    hear(told) {
      played += 1;
      judged.add(told.judged);
      broken.push(...(told.broken ?? []));
    },
  });
  process.stdout.write(`${played} seeds from ${from}, of which each rule was judged by: ${judged.toText()}\n`);
  expect(broken.join("\n")).toBe("");
  expect(played).toBeGreaterThan(0);
});
