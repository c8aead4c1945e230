import { afterAll, beforeAll, expect, test } from "bun:test";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readdir, rm, chmod } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { eventually } from "@shop/testing/eventually";
import { familyOf, runningProcesses } from "./testing/processes.ts";

let temporary = "";
beforeAll(async () => {
  temporary = await mkdtemp(join(tmpdir(), "runner-end-"));
  await chmod(temporary, 0o711);
});
afterAll(() => rm(temporary, { recursive: true, force: true }));

async function startRunner() {
  const runner = spawn(process.execPath, [join(import.meta.dir, "testing", "runner.ts")], {
    env: { ...process.env, TMPDIR: temporary },
    stdio: ["ignore", "pipe", "inherit"],
  });
  const gone = once(runner, "exit");
  const first = await Promise.race([once(createInterface({ input: runner.stdout }), "line"), gone]);
  expect(first).toEqual(["started"]);
  const pid = runner.pid;
  if (pid === undefined) throw new Error("the runner was not started");
  // A process that was just started may still be the shell that becomes it.
  const family = await eventually(async () => {
    const all = await familyOf(pid, temporary);
    const names = all.map(({ command }) => command).join("\n");
    for (const part of ["/bin/postgres -D", "kafka.Kafka", "process.on('SIGTERM'", "sleep 600"])
      expect(names).toContain(part);
    return all;
  });
  return { runner, gone, family };
}

async function expectNothingLeft(family: Awaited<ReturnType<typeof familyOf>>): Promise<void> {
  const before = new Map(family.map(({ pid, command }) => [pid, command]));
  const left = (await runningProcesses()).filter(({ pid, command }) => before.get(pid) === command);
  expect(left).toEqual([]);
  expect(await readdir(temporary)).toEqual([]);
}

test("a runner that gets Ctrl-C has ended every process and removed its data when it leaves, also a process that hears no signal", async () => {
  const { runner, gone, family } = await startRunner();
  runner.kill("SIGINT");
  const [code] = await gone;
  expect(code).toBe(130);
  await expectNothingLeft(family);
}, 120_000);

test("a runner that is killed takes every process and its data with it", async () => {
  const { runner, gone, family } = await startRunner();
  runner.kill("SIGKILL");
  await gone;
  await eventually(() => expectNothingLeft(family));
}, 120_000);
