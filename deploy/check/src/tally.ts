import type { PrintedTests } from "./printed-tests.ts";

/** How many tests passed and how many did not, with what a person has to know that no test says itself. */
export interface Tally {
  readonly passed: number;
  readonly failed: number;
  readonly remarks: readonly string[];
  /** Why none of it ran, in a few words; it then counts as skipped. */
  readonly notRun?: string;
}

export interface FinishedRun {
  /** The JUnit report of `bun test`, or null when it wrote none: it writes it at its end. */
  readonly report: string | null;
  /** What it printed until then. */
  readonly printed: PrintedTests;
  /** The test files that were to run, as the report names them: relative to the folder of the run. */
  readonly files: readonly string[];
  readonly exitCode: number | null;
}

/**
 * Counts a run of `bun test` by its report. What the report hides is a failure too: a test that was skipped, a file that could not be loaded
 * or has no test, and an end in failure without a failed test. A run that ended before its report is counted by what it had printed.
 */
export function tallyOf({ report, printed, files, exitCode }: FinishedRun): Tally {
  if (files.length === 0) return { passed: 0, failed: 1, remarks: ["there is no test of this kind"] };
  if (report === null) return tallyOfEnded(printed, files);

  const total = /<testsuites\b[^>]*>/.exec(report)?.[0] ?? "";
  const skipped = countOf(total, "skipped");
  const failures = countOf(total, "failures");
  const passed = countOf(total, "tests") - failures - skipped;

  const reported = new Set(Array.from(report.matchAll(/<testsuite\b[^>]* file="([^"]*)"/g), ([, file]) => file));
  const silent = files.filter((file) => !reported.has(file));
  const remarks = silent.map((file) => `${file}: none of its tests ran`);
  if (skipped > 0) remarks.push(`${skipped} skipped, which counts as failed`);

  const failed = failures + skipped + silent.length;
  if (failed > 0 || exitCode === 0) return { passed, failed, remarks };
  return { passed, failed: 1, remarks: [`bun test ended with ${exitCode ?? "a signal"}, though no test failed`] };
}

/** The file under way and each that had not begun count as one failure, beside the tests that failed. */
function tallyOfEnded({ passed, failed, begun }: PrintedTests, files: readonly string[]): Tally {
  const last = begun.findLast((file) => files.includes(file));
  const unfinished = files.filter((file) => file === last || !begun.includes(file));
  return {
    passed,
    failed: failed + unfinished.length,
    remarks: unfinished.map((file) =>
      file === last
        ? `${file}: the run ended in the middle of it, which counts as failed; ${passed} had passed in this run`
        : `${file}: none of its tests ran`,
    ),
  };
}

export function sumOf(tallies: readonly Tally[]): Tally {
  return {
    passed: tallies.reduce((sum, { passed }) => sum + passed, 0),
    failed: tallies.reduce((sum, { failed }) => sum + failed, 0),
    remarks: tallies.flatMap(({ remarks }) => remarks),
  };
}

/** What could not even run is a failure, and what comes after it still runs. */
export function asFailure(error: unknown): Tally {
  return { passed: 0, failed: 1, remarks: [error instanceof Error ? error.message : String(error)] };
}

function countOf(element: string, attribute: string): number {
  return Number(new RegExp(` ${attribute}="(\\d+)"`).exec(element)?.[1] ?? 0);
}
