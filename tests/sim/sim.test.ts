import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { ALL_RULES } from "../harness/rules/rules.ts";
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
    const { breaches, judged, orders } = await simulate(stores, planOf(1, []));
    expect(breaches).toEqual([]);
    expect(judged).toEqual(ALL_RULES);
    expect(orders).toBeGreaterThan(0);
  });

  test("is judged by every rule, when the broker has lost its data, too", async () => {
    const judgedBy = async (seed: number) => {
      const { judged, trace } = await simulate(stores, planOf(seed, ["lost data of the broker"]));
      return { judged, isLost: trace.some((line) => line.includes("the broker has lost all that it had")) };
    };
    // Whether it strikes while faults are injected is left to the seed.
    const found = new Map<boolean, readonly string[]>();
    for (let seed = 1; found.size < 2 && seed <= 12; seed += 1) {
      const { isLost, judged } = await judgedBy(seed);
      found.set(isLost, judged);
    }
    expect(found).toEqual(
      new Map([
        [true, ALL_RULES],
        [false, ALL_RULES],
      ]),
    );
  });

  test.each([1, 4])("has poison messages become dead letters after four crashes at most: %i", async (seed) => {
    const { breaches, trace } = await simulate(stores, planOf(seed, ["poison messages", "broken connections"]));
    expect(breaches).toEqual([]);
    const crashes = Map.groupBy(
      trace.flatMap((line) => / poison ([0-9a-f-]{36}) among/.exec(line)?.[1] ?? []),
      (messageId) => messageId,
    );
    expect(crashes.size).toBeGreaterThan(0);
    for (const of of crashes.values()) expect([3, 4]).toContain(of.length);
  });

  test.each([2])("takes no message for poison while processes crash and sessions are cut: %i", async (seed) => {
    const { breaches, trace } = await simulate(
      stores,
      planOf(seed, ["crashes", "kills", "broken connections", "databases away"]),
    );
    expect(breaches).toEqual([]);
    expect(trace.filter((line) => line.endsWith(" crashes")).length).toBeGreaterThan(5);
  });

  test.each([3, 8, 11])("plays a seed the same way to the letter, whatever was played before: %i", async (seed) => {
    const first = await simulate(stores, planOf(seed));
    await simulate(stores, planOf(seed + 1));
    const again = await simulate(stores, planOf(seed));
    expect(again.trace.length).toBe(first.trace.length);
    expect(again.trace.findIndex((line, index) => line !== first.trace[index])).toBe(-1);
  });
});
