import { expect, setDefaultTimeout, test } from "bun:test";
import { availableParallelism } from "node:os";
import { Judged } from "./report.ts";
import { playOnWorkers } from "./workers.ts";

setDefaultTimeout(900_000);

/** The same ones on every machine and every day, so that what fails is the commit. The day's own are played by `bun run sim --for 60`. */
const FROM = 3_000_000;
const SEEDS = 24;

test("every rule holds under each of the seeds", async () => {
  const broken: string[] = [];
  let played = 0;
  const judged = new Judged();
  await playOnWorkers({
    ...{
      from: FROM,
      seeds: SEEDS,
      forMs: Number.POSITIVE_INFINITY,
      workers: availableParallelism(),
      faults: undefined,
    },
    hear(told) {
      played += 1;
      judged.add(told.judged);
      broken.push(...(told.broken ?? []));
    },
  });
  process.stdout.write(`of ${played} seeds each rule was judged by: ${judged.toText()}\n`);
  expect(broken.join("\n")).toBe("");
  expect(played).toBe(SEEDS);
});
