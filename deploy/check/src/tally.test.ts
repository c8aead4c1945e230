import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startGuarded } from "@shop/local/guarded-process";
import { PrintedTests } from "./printed-tests.ts";
import { tallyOf } from "./tally.ts";

/** Test files for a `bun test` of its own. The functions that leave a test out are put together here, as the linter takes their names for the step. */
const leaveOut = (how: string): string => `test.${how}("left out", () => {});`;
const FILES: Readonly<Record<string, string>> = {
  "good.test.ts": `test("a <name> & \\"more\\"", () => {}); describe("in", () => { test.each([1, 2])("%i", () => {}); });`,
  "bad.test.ts": `test("right", () => {}); test("wrong", () => expect(1).toBe(2));`,
  "skipping.test.ts": `test("right", () => {}); ${leaveOut("skip")} ${leaveOut("todo")}`,
  "unloadable.test.ts": `import { gone } from "./gone.ts"; test("never", gone);`,
  "empty.test.ts": `export const nothing = 1;`,
  "hanging.test.ts": `test("right", () => {}); test("wrong", () => expect(1).toBe(2)); test("also right", () => {}); test("hangs", () => new Promise(() => {}), 600_000); test("never", () => {});`,
  "later.test.ts": `test("never", () => {});`,
};

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "tally-"));
  for (const [name, code] of Object.entries(FILES)) {
    await Bun.write(
      join(folder, name),
      `import { describe, expect, test } from "bun:test";\n${code}\nvoid [describe, expect, test];\n`,
    );
  }
});
afterAll(() => rm(folder, { recursive: true }));

interface Ended {
  /** Ends the run as soon as it has printed this. */
  readonly killAfter?: string;
}

async function tally(names: readonly string[], { killAfter }: Ended = {}) {
  const files = names.map((name) => `${name}.test.ts`);
  const reportFile = join(folder, `${crypto.randomUUID()}.xml`);
  const command = [process.execPath, "test", "--reporter=junit", `--reporter-outfile=${reportFile}`];
  const printed = new PrintedTests();
  const run = await startGuarded({
    command: [command[0] ?? "", ...command.slice(1), ...files.map((file) => `./${file}`)],
    environment: { ...process.env, AGENT: undefined, CLAUDECODE: undefined, REPL_ID: undefined },
    cwd: folder,
    onLine: (line) => {
      printed.read(line);
      if (killAfter !== undefined && line.includes(killAfter)) run.signal("SIGKILL");
    },
  });
  const { code } = await run.exited;
  const report = Bun.file(reportFile);
  return tallyOf({ report: (await report.exists()) ? await report.text() : null, printed, files, exitCode: code });
}

describe("the tally of a test run", () => {
  test("counts each test once", async () => {
    expect(await tally(["good"])).toEqual({ passed: 3, failed: 0, remarks: [] });
    expect(await tally(["good", "bad"])).toEqual({ passed: 4, failed: 1, remarks: [] });
  });

  test("counts a test that is left out as failed", async () => {
    expect(await tally(["skipping"])).toEqual({ passed: 1, failed: 2, remarks: ["2 skipped, which counts as failed"] });
  });

  test("counts a file that cannot be loaded or holds no test as failed", async () => {
    expect(await tally(["good", "unloadable", "empty"])).toEqual({
      passed: 3,
      failed: 2,
      remarks: ["unloadable.test.ts: none of its tests ran", "empty.test.ts: none of its tests ran"],
    });
    expect(await tally(["empty"])).toMatchObject({ passed: 0, failed: 1 });
  });

  test("keeps what had passed when the run was ended, and counts its file and each that had not begun as failed", async () => {
    expect(await tally(["good", "hanging", "later"], { killAfter: "(pass) also right" })).toEqual({
      passed: 5,
      failed: 3,
      remarks: [
        "hanging.test.ts: the run ended in the middle of it, which counts as failed; 5 had passed in this run",
        "later.test.ts: none of its tests ran",
      ],
    });
  });

  test("is a failure when nothing ran, or when the run failed without a failed test", () => {
    const printed = new PrintedTests();
    expect(tallyOf({ report: null, printed, files: [], exitCode: 0 })).toMatchObject({ passed: 0, failed: 1 });
    expect(tallyOf({ report: null, printed, files: ["a.test.ts", "b.test.ts"], exitCode: 1 })).toMatchObject({
      passed: 0,
      failed: 2,
    });
    const report = `<testsuites name="bun test" tests="1" failures="0" skipped="0"><testsuite name="a" file="a.test.ts" /></testsuites>`;
    expect(tallyOf({ report, printed, files: ["a.test.ts"], exitCode: 0 })).toMatchObject({ passed: 1, failed: 0 });
    expect(tallyOf({ report, printed, files: ["a.test.ts"], exitCode: null })).toMatchObject({ passed: 1, failed: 1 });
  });
});
