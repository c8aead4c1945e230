import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { planOf } from "./plan.ts";
import { simulate } from "./simulate.ts";
import { Stores } from "./world.ts";

// A real server, on a machine that may be busy.
setDefaultTimeout(240_000);

let stores: Stores;
beforeAll(async () => {
  stores = await Stores.open();
}, 240_000);
afterAll(() => stores.close());

describe("the simulation", () => {
  test("brings every order to its end while nothing goes wrong", async () => {
    const { breaches, orders } = await simulate(stores, planOf(1, []));
    expect(breaches).toEqual([]);
    expect(orders).toBeGreaterThan(0);
  });

  test.each([3, 8, 11])("plays a seed the same way to the letter, whatever was played before: %i", async (seed) => {
    const first = await simulate(stores, planOf(seed));
    await simulate(stores, planOf(seed + 1));
    const again = await simulate(stores, planOf(seed));
    expect(again.trace.length).toBe(first.trace.length);
    expect(again.trace.findIndex((line, index) => line !== first.trace[index])).toBe(-1);
  });
});
