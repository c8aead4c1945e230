import { expect, test } from "bun:test";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { drillFaults } from "./faults.ts";
import { choose, type Drill, judge } from "./judge.ts";
import { readOptions } from "./options.ts";

test("a drill injects what its seed picks, and seeds pick different faults", () => {
  expect(choose(7, undefined).fault.name).toBe(choose(7, undefined).fault.name);
  const picked = new Set(Array.from({ length: 300 }, (_, seed) => choose(seed, undefined).fault.name));
  expect(picked.size).toBeGreaterThan(drillFaults.length * 0.9);
  expect(choose(1, "kafka-stopped").fault.name).toBe("kafka-stopped");
  expect(() => choose(1, "nothing")).toThrow("names");
});

test("each fault of a drill has a name of its own, and runbooks that are there", () => {
  expect(new Set(drillFaults.map(({ name }) => name)).size).toBe(drillFaults.length);
  const runbooks = join(import.meta.dir, "..", "..", "..", "docs", "runbooks");
  for (const page of new Set(drillFaults.flatMap(({ pages }) => pages)))
    expect(existsSync(join(runbooks, `${page}.md`)), page).toBeTrue();
});

test("who calls it by its name is told how long it took, and who calls it otherwise is told no more than that", () => {
  const chosen = choose(1, "kafka-stopped");
  const drill: Drill = { injectedAt: undefined, wrong: 0, endedAt: undefined };
  expect(judge(drill, chosen, "kafka-stopped", 500).isRight).toBeFalse();
  drill.injectedAt = 1_000;
  expect(judge(drill, chosen, "user-stopped", 20_000)).toEqual({
    text: "It is not user-stopped. Go on.",
    isRight: false,
  });
  expect(judge(drill, chosen, "kafka", 20_000).text).toContain("names");
  const found = judge(drill, chosen, "kafka-stopped", 63_000);
  expect(found).toMatchObject({
    isRight: true,
    text: expect.stringContaining("Found 62 s after it was injected, with 2 wrong calls"),
  });
  expect(judge(drill, chosen, "kafka-stopped", 99_000).text).toContain("over");
});

test("the command line of a drill is understood, or refused with what is wrong", () => {
  expect(readOptions(["--seed", "12"], 0)).toEqual({ kind: "run", seed: 12, inject: undefined });
  expect(readOptions(["found", "kafka-stopped"], 0)).toEqual({ kind: "found", name: "kafka-stopped" });
  for (const wrong of [["found"], ["--seed", "x"], ["search"], ["names", "more"]])
    expect(() => readOptions(wrong, 0)).toThrow();
});
