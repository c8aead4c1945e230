import { renameSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { readArguments } from "./arguments.ts";
import { type Check, createChecks } from "./checks.ts";
import { closingLines, type Progress, type Skipped, summaryOf } from "./closing.ts";
import { testFilesOf } from "./suites.ts";
import { asFailure, sumOf, type Tally } from "./tally.ts";
import { leaveOnSignal } from "@shop/local/leave-on-signal";

const say = (line: string) => void process.stdout.write(`${line}\n`);
const root = fileURLToPath(new URL("../../..", import.meta.url));
const asked = readArguments(process.argv.slice(2), await testFilesOf(root));
if ("text" in asked) {
  say(asked.text);
  process.exit(asked.exitCode);
}
const { chosen, unnamed, files, summaryFile } = asked;
const checks = createChecks({ root, environment: process.env, say, ...(files && { files }) });
const tallies: Tally[] = [];
const skipped: Skipped[] = [];
let stopping = false;
const ended = Promise.withResolvers<void>();
leaveOnSignal(async () => {
  stopping = true;
  await checks.stop();
  // What was under way has failed by that; the last line says so, and what had passed.
  await ended.promise;
}, say);
await runAll().finally(ended.resolve);

async function runAll(): Promise<void> {
  for (const check of checks.all.filter(({ name }) => chosen.has(name))) {
    if (stopping) skipped.push({ name: check.name, reason: "stopped before" });
    else await runOne(check);
  }
  saveSummary({ tallies, skipped, running: "the end" });
  if (!stopping) await checks.stop().catch((error: unknown) => tallies.push(asFailure(error)));

  skipped.push(...unnamed.map((name) => ({ name, reason: "only when named" })));
  const end: Progress = { tallies, skipped, running: null };
  saveSummary(end);
  for (const line of closingLines(end)) say(line);
  const { passed, failed } = sumOf(tallies);
  process.exitCode = failed === 0 && passed > 0 ? 0 : 1;
}

async function runOne({ name, run }: Check): Promise<void> {
  saveSummary({ tallies, skipped, running: name });
  const startedAt = performance.now();
  say(`${name} …`);
  const tally = await run().catch(asFailure);
  tallies.push(tally);
  if (tally.notRun !== undefined) skipped.push({ name, reason: tally.notRun });
  const seconds = ((performance.now() - startedAt) / 1_000).toFixed(1);
  const outcome =
    tally.notRun !== undefined
      ? `NOT RUN  ${tally.notRun}`
      : tally.failed > 0
        ? `FAILED  ${tally.passed} passed, ${tally.failed} failed`
        : `${tally.passed} passed`;
  say(`${name.padEnd(12)} ${seconds.padStart(6)} s  ${outcome}`);
  for (const remark of tally.remarks) say(`${" ".repeat(23)}${remark}`);
}

/** Written whole or not at all, as it is read when this process was killed. */
function saveSummary(progress: Progress): void {
  if (summaryFile === undefined) return;
  writeFileSync(`${summaryFile}.new`, summaryOf(progress));
  renameSync(`${summaryFile}.new`, summaryFile);
}
