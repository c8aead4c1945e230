/** How many tests passed and how many did not, with what a person has to know that no test says itself. */
export interface Tally {
  readonly passed: number;
  readonly failed: number;
  readonly remarks: readonly string[];
}

export interface FinishedRun {
  /** The JUnit report of `bun test`, or null when it wrote none. */
  readonly report: string | null;
  /** The test files that were to run, as the report names them: relative to the folder of the run. */
  readonly files: readonly string[];
  readonly exitCode: number | null;
}

/**
 * Counts a run of `bun test` by its report. What the report hides is a failure too: a test that was skipped, a file that could not be loaded
 * or has no test, and an end in failure without a failed test.
 */
export function tallyOf({ report, files, exitCode }: FinishedRun): Tally {
  if (files.length === 0) return { passed: 0, failed: 1, remarks: ["there is no test of this kind"] };
  if (report === null) return { passed: 0, failed: files.length, remarks: ["no report: each file counts as failed"] };

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

export function sumOf(tallies: readonly Tally[]): Tally {
  return {
    passed: tallies.reduce((sum, { passed }) => sum + passed, 0),
    failed: tallies.reduce((sum, { failed }) => sum + failed, 0),
    remarks: tallies.flatMap(({ remarks }) => remarks),
  };
}

function countOf(element: string, attribute: string): number {
  return Number(new RegExp(` ${attribute}="(\\d+)"`).exec(element)?.[1] ?? 0);
}
