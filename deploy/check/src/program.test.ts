import { afterEach, beforeEach, expect, test } from "bun:test";
import { ProgramRunner } from "./program.ts";

const QUIET_MS = 3_000;

let programs: ProgramRunner;
beforeEach(() => {
  programs = new ProgramRunner();
});
afterEach(() => programs.stop());

async function run(script: string) {
  const lines: string[] = [];
  const exit = await programs.runBun({
    ...{ arguments: ["-e", script], environment: process.env, cwd: import.meta.dir, quietMs: QUIET_MS },
    onLine: (line) => lines.push(line),
  });
  return { exit, lines };
}

test("a program may run for longer than it may be quiet", async () => {
  const { exit, lines } = await run("for (const line of [1, 2, 3, 4]) { console.log(line); await Bun.sleep(1_000); }");
  expect(exit.code).toBe(0);
  expect(lines).toEqual(["1", "2", "3", "4"]);
});

test("a program that has been quiet for too long is ended, and why is said", async () => {
  const { exit, lines } = await run("console.log('begun'); await Bun.sleep(600_000);");
  expect(exit.code).not.toBe(0);
  expect(lines).toEqual(["begun", "It has written nothing for 3 s and is stopped."]);
});
