import { expect, test } from "bun:test";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { REPOSITORY } from "../repository.ts";
import { problemOf } from "./subject.ts";

/** The last commit from before the convention was checked. */
const SINCE = "f0d0fb6e70d5a821f810d344ea3bb9b56d64a3e3";

async function git(...words: readonly string[]): Promise<string | undefined> {
  const command = ["git", "-c", "safe.directory=*", ...words];
  const run = Bun.spawn(command, { cwd: REPOSITORY, stdout: "pipe", stderr: "ignore" });
  const [output, exitCode] = await Promise.all([run.stdout.text(), run.exited]);
  return exitCode === 0 ? output : undefined;
}

test.each([
  ["fix(messaging): prevent deadlock when a consumer closes during a fetch", undefined],
  ["feat!: drop the old format", undefined],
  ["feat(database): seed the demo data", undefined],
  ["prevent deadlock", "write type(scope)"],
  [`fix: ${"long ".repeat(20)}`, "72 are allowed"],
  ["fix: prevented a deadlock", "imperative"],
  ["fix: preventing a deadlock", "imperative"],
  ["fix: prevent a deadlock.", "full stop"],
  ["fix: Prevent a deadlock", "small letter"],
])("the subject %p is judged: %p", (subject, problem) => {
  if (problem === undefined) expect(problemOf(subject)).toBeUndefined();
  else expect(problemOf(subject)).toContain(problem);
});

test("every commit's subject keeps the convention", async () => {
  // A shallow clone has the newest commit only.
  const log = (await git("log", "--format=%s", `${SINCE}..HEAD`)) ?? (await git("log", "-1", "--format=%s"));
  const subjects = (log ?? "").split("\n").filter((subject) => subject !== "" && !subject.startsWith("Merge "));
  expect(
    subjects.flatMap((subject) => problemOf(subject) ?? []).length === 0 ? [] : subjects.filter(problemOf),
  ).toEqual([]);
});

test("the hook refuses a subject that breaks the convention, and says why", async () => {
  const folder = await mkdtemp(join(tmpdir(), "commit-"));
  const message = join(folder, "message");
  const hook = async (text: string) => {
    await Bun.write(message, text);
    const run = Bun.spawn([process.execPath, "tests/guards/commits/check.ts", message], {
      cwd: REPOSITORY,
      stderr: "pipe",
    });
    return [await run.exited, await run.stderr.text()] as const;
  };
  expect((await hook("fix: prevent a deadlock\n\nWhy.\n"))[0]).toBe(0);
  const [exitCode, said] = await hook("Fixed it\n");
  expect([exitCode, said]).toEqual([1, expect.stringContaining("write type(scope): subject")]);
  await rm(folder, { recursive: true });
});
