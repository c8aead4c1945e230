import { expect, test } from "bun:test";
import { onContainers } from "../containers/chaos.ts";
import { allFaults, mixOf, planOf } from "./all-faults.ts";
import { readOptions, seedOf } from "./options.ts";
import { commandFor, resultOf } from "./report.ts";

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
  const numbers = allFaults.map(({ number }) => number);
  expect(numbers).toEqual([...new Set(numbers)]);
});

test("a run names the command that repeats it", () => {
  const [fault] = allFaults;
  if (fault === undefined) throw new Error("the catalogue is empty");
  const runs = [planOf(fault, 7, 20_000), mixOf(8, 90_000), onContainers(9, 60_000)];
  expect(runs.map(commandFor)).toEqual([
    `bun run chaos --faults ${fault.number} --seed 7 --for 20s`,
    "bun run chaos --mix --seed 8 --for 90s",
    "bun run chaos --containers --seed 9 --for 60s",
  ]);
});

test("a run is kept with its commit and day, and a broken one with what broke", () => {
  const of = mixOf(8, 90_000);
  const code = { date: "2026-01-31", commit: "0123abc", changed: false };
  const result = {
    ...{ orders: 30, answers: { 201: 30 }, problems: {}, deeds: ["kill -9 order"], callersLateMs: 0 },
    ...{ quietAfterMs: 1_500, breaches: [], failures: [] },
  };
  const outcome = { of, kind: "run", tookMs: 1, result } as const;
  const good = resultOf(outcome, code);
  expect(good).toMatchObject({ ...code, title: "a mix", verdict: "kept", quiet: "1.5 s", answers: "201 30" });
  const breaches = [{ rule: "I1", text: "one piece too few" }] as const;
  const bad = resultOf({ ...outcome, result: { ...result, breaches } }, code);
  expect(bad).toMatchObject({ verdict: "broken", detail: "I1" });
  expect(resultOf({ of, kind: "not run", why: "no engine" }, code)).toMatchObject({ verdict: "not run", orders: null });
});
