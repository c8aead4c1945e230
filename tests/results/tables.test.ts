import { expect, test } from "bun:test";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { appendResults, type ChaosResult, codeOfToday, parseResults, readResults } from "./results.ts";
import { chaosTable, simTable, summaryTable, withTable } from "./tables.ts";

const run = (title: string, verdict: ChaosResult["verdict"], day: number): ChaosResult => ({
  ...{ date: `2026-01-0${day}`, commit: "0123abc", title, seed: 7, forMs: 30_000, done: "kill -9 order" },
  ...{ orders: 100, answers: "201 100", quiet: "1.0 s", verdict, detail: "I1" },
});

test("a broken run stays in the table beside the later one that was kept; an older one that was kept does not", () => {
  const results = [run("5 killed", "kept", 1), run("5 killed", "broken", 2), run("5 killed", "kept", 3)];
  const rows = chaosTable(results).slice(2);
  expect(rows.map((row) => [row.includes("**broken**"), row.includes("2026-01-03")])).toEqual([
    [true, false],
    [false, true],
  ]);
});

test("the summary counts the last run of each fault, and still every run and seed that broke a rule", () => {
  const runs = [run("5 killed", "broken", 1), run("5 killed", "kept", 2), run("12 copies", "kept", 3)];
  const seeds = (command: string, count: number, broken: number[]) => ({
    ...{ date: "2026-01-04", commit: "0123abc", command, seeds: count, broken },
  });
  const mistake = (name: string, found: number | null) => ({
    ...{ date: "2026-01-05", commit: "0123abc", name, seeds: found, played: 5, rules: [] },
  });
  const rows = summaryTable(
    runs,
    [seeds("sim", 1_500, [7, 9]), seeds("sim --engine", 10, [])],
    [mistake("a", null), mistake("a", 3), mistake("b", null)],
  );
  expect(rows.slice(2)).toEqual([
    "| Faults on real processes | 2 faults, 3 runs | kept all rules in the last run of 2; runs that broke one: 1 | `0123abc`, 2026-01-03 |",
    "| Simulator | 1,500 seeds | seeds that broke a rule: 2 | `0123abc`, 2026-01-04 |",
    "| Simulator, the saga engine alone | 10 seeds | seeds that broke a rule: 0 | `0123abc`, 2026-01-04 |",
    "| Mistakes made on purpose | 2 mistakes | noticed by ordinary seeds: 1 | `0123abc`, 2026-01-05 |",
  ]);
});

test("each row carries its commit and day, also one that is not known", () => {
  const [known] = chaosTable([run("5 killed", "kept", 1)]).slice(2);
  expect(known).toEndWith("| `0123abc`, 2026-01-01 |");
  const [changed] = chaosTable([{ ...run("5 killed", "kept", 1), changed: true }]).slice(2);
  expect(changed).toEndWith("| `0123abc` and changes, 2026-01-01 |");
  const old = { date: "2026-01-01", commit: null, writtenDownBy: "0123abc", command: "`x`", seeds: 1, broken: [9] };
  expect(simTable([old]).at(-1)).toBe("| `x` | 1 | 9 | not recorded | unknown; recorded by `0123abc`, 2026-01-01 |");
});

test("faults stand by their numbers, what has none comes last", () => {
  const titles = ["a mix", "12 copies", "5 killed"].map((title) => run(title, "kept", 1));
  const first = chaosTable(titles)
    .slice(2)
    .map((row) => row.split("|")[1]?.trim());
  expect(first).toEqual(["5 killed", "12 copies", "a mix"]);
});

test("a table takes the place of the one behind its marker, and the text around stays", () => {
  const text = "Before.\n\n<!-- results: sim -->\n\n| old |\n| --- |\n\nAfter.\n";
  const once = withTable(text, "sim", ["| new |", "| --- |"]);
  expect(once).toBe("Before.\n\n<!-- results: sim -->\n\n| new |\n| --- |\n\nAfter.\n");
  expect(withTable(once, "sim", ["| new |", "| --- |"])).toBe(once);
  expect(() => withTable("nothing", "sim", [])).toThrow("<!-- results: sim -->");
});

test("results are added to those before, and a line that is none is named", async () => {
  const root = await mkdtemp(join(tmpdir(), "results-"));
  try {
    await appendResults("chaos", [run("5 killed", "broken", 1)], root);
    await appendResults("chaos", [run("5 killed", "kept", 2)], root);
    expect((await readResults("chaos", root)).map(({ verdict }) => verdict)).toEqual(["broken", "kept"]);
  } finally {
    await rm(root, { recursive: true });
  }
  expect(() => parseResults("sim", `{"seeds":1}\n`)).toThrow("line 1 of docs/results/sim.jsonl");
});

test("what is measured is measured on a commit, where there is one", async () => {
  const { date, commit } = await codeOfToday(new Date("2026-01-31T23:00:00Z"));
  expect(date).toBe("2026-01-31");
  if (commit !== null) expect(commit).toMatch(/^[0-9a-f]{7,}$/);
});
