import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { seedOf } from "../chaos/options.ts";
import { planOf } from "./plan.ts";
import { describe } from "./report.ts";
import { simulate } from "./simulate.ts";
import { Stores } from "./world.ts";

setDefaultTimeout(240_000);

const FOR_MS = 60_000;
const SEEDS_PER_DAY = 1_000;

let stores: Stores;
beforeAll(async () => {
  stores = await Stores.open();
});
afterAll(() => stores.close());

test("every rule holds under each of the day's seeds, as many as fit in a minute", async () => {
  const from = seedOf(new Date()) * SEEDS_PER_DAY;
  const until = performance.now() + FOR_MS;
  let seed = from;
  for (; performance.now() < until; seed += 1) {
    const verdict = await simulate(stores, planOf(seed));
    if (verdict.breaches.length > 0) throw new Error([`seed ${seed}`, ...describe(verdict)].join("\n"));
  }
  process.stdout.write(`${seed - from} seeds from ${from}\n`);
  expect(seed).toBeGreaterThan(from);
});
