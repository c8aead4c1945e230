import { expect, test } from "bun:test";
import { onContainers } from "../containers/chaos.ts";
import { catalogue, mixOf, planOf } from "./catalogue.ts";
import { readOptions, seedOf } from "./options.ts";
import { commandFor, withRow } from "./report.ts";

const day = new Date("2026-01-31T12:00:00Z");

test("without options all faults run in full, by the seed of the day", () => {
  expect(readOptions([], day)).toMatchObject({ seed: 20_260_131, forMs: undefined, faults: undefined, mix: false });
  expect(seedOf(new Date("2026-02-01T00:00:00Z"))).toBe(20_260_201);
});

test("what is no number, no time or no option is said in a sentence", () => {
  for (const argv of [["--seed", "x"], ["--for", "soon"], ["--faults", "1,two"], ["--quickly"]])
    expect(() => readOptions(argv, day)).toThrow();
});

test("each fault stands in the catalogue once", () => {
  const numbers = catalogue.map(({ number }) => number);
  expect(numbers).toEqual([...new Set(numbers)]);
});

test("a run names the command that repeats it", () => {
  const [fault] = catalogue;
  if (fault === undefined) throw new Error("the catalogue is empty");
  const runs = [planOf(fault, 7, 20_000), mixOf(8, 90_000), onContainers(9, 60_000)];
  expect(runs.map(commandFor)).toEqual([
    `bun run chaos --faults ${fault.number} --seed 7 --for 20s`,
    "bun run chaos --mix --seed 8 --for 90s",
    "bun run chaos --containers --seed 9 --for 60s",
  ]);
});

test("a result takes the place of the older one of the same fault, and the text around stays", () => {
  const text = "Before.\n\n| Fault | a |\n| --- | --- |\n| 5 killed | old |\n\nAfter.\n";
  const once = withRow(withRow(text, "| 12 copies | new |"), "| 5 killed | new |");
  expect(once.split("\n").filter((line) => line.includes("new"))).toEqual([
    "| 5 killed | new |",
    "| 12 copies | new |",
  ]);
  expect(once).not.toContain("old");
  expect([once.startsWith("Before."), once.endsWith("After.\n")]).toEqual([true, true]);
});
