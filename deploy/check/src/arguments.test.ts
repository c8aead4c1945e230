import { expect, test } from "bun:test";
import { type Asked, type NothingToRun, readArguments } from "./arguments.ts";

const FILES = [
  "services/order/src/domain/pricing.test.ts",
  "services/order/src/order.integration.test.ts",
  "services/orders.test.ts",
  "tests/e2e/journey.test.ts",
];

const read = (...argv: readonly string[]) => readArguments(argv, FILES);

function asked(...argv: readonly string[]): { readonly chosen: readonly string[]; readonly files: Asked["files"] } {
  const outcome = read(...argv);
  if ("text" in outcome) throw new Error(outcome.text);
  return { chosen: [...outcome.chosen], files: outcome.files };
}

test("--help names every check and option, and is no failure", () => {
  const { text, exitCode } = read("--help") as NothingToRun;
  expect(exitCode).toBe(0);
  for (const word of ["Usage: bun run check [options] [path...]", "--only <names>", "types", "containers", "Exit code"])
    expect(text).toContain(word);
});

test("what is not understood is said in a sentence, with the exit code 2", () => {
  for (const [argv, sentence] of [
    [["--olny", "unit"], "unknown option '--olny'"],
    [["--only"], "argument missing"],
    [["--only", "unit,odd"], "There is no check odd. There are format, lint"],
    [["services/nothing"], "There is no test at services/nothing."],
  ] as const) {
    const outcome = read(...argv) as NothingToRun;
    expect(outcome.exitCode).toBe(2);
    expect(outcome.text).toContain(sentence);
    expect(outcome.text).toEndWith("See: bun run check --help");
  }
});

test("without a word everything runs that need not be named, and what was left out is listed", () => {
  const outcome = read() as Asked;
  expect([...outcome.chosen]).toContain("types");
  expect(outcome.unnamed).toContain("containers");
  expect([...(read("--with", "containers") as Asked).chosen]).toContain("containers");
  expect((read("--only", "unit, types") as Asked).unnamed).toEqual([]);
});

test("a path means the tests in it, in the suites that they belong to", () => {
  expect(asked("services/order/")).toEqual({ chosen: ["unit", "integration"], files: FILES.slice(0, 2) });
  expect(asked("--tests", "./tests/e2e/journey.test.ts")).toEqual({ chosen: ["end-to-end"], files: FILES.slice(3) });
  expect(asked("--tests")).toEqual({ chosen: ["unit", "guards", "integration"], files: undefined });
});
