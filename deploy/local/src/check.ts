import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { createChecks } from "./checking/checks.ts";
import { sumOf, type Tally } from "./checking/tally.ts";
import { leaveOnSignal } from "./leave-on-signal.ts";

const say = (line: string) => void process.stdout.write(`${line}\n`);
const checks = createChecks({
  root: fileURLToPath(new URL("../../..", import.meta.url)),
  environment: process.env,
  say,
});
leaveOnSignal(() => checks.stop(), say);

const names = checks.all.map(({ name }) => name);
const chosen = chosenNames();
const tallies: Tally[] = [];
for (const { name, run } of checks.all.filter((check) => chosen.has(check.name))) {
  const startedAt = performance.now();
  say(`${name} …`);
  const tally = await run().catch(asFailure);
  tallies.push(tally);
  const seconds = ((performance.now() - startedAt) / 1_000).toFixed(1);
  const outcome =
    tally.failed > 0
      ? `FAILED  ${tally.passed} passed, ${tally.failed} failed`
      : tally.passed > 0
        ? `${tally.passed} passed`
        : "NOT RUN";
  say(`${name.padEnd(12)} ${seconds.padStart(6)} s  ${outcome}`);
  for (const remark of tally.remarks) say(`${" ".repeat(23)}${remark}`);
}
await checks.stop().catch((error: unknown) => tallies.push(asFailure(error)));

const { passed, failed } = sumOf(tallies);
say(`${passed} passed, ${failed} failed`);
process.exitCode = failed === 0 && passed > 0 ? 0 : 1;

/** What `--only` names; by default everything that every machine can run, and what `--with` names besides. */
function chosenNames(): ReadonlySet<string> {
  const { values } = parseArgs({ options: { only: { type: "string" }, with: { type: "string" } } });
  const named = (list = "") => list.split(",").flatMap((name) => name.trim() || []);
  const usual = checks.all.filter(({ onRequest }) => !onRequest).map(({ name }) => name);
  const wanted = [...(values.only === undefined ? usual : named(values.only)), ...named(values.with)];
  const unknown = wanted.filter((name) => !names.includes(name));
  if (unknown.length === 0) return new Set(wanted);
  say(`There is no check ${unknown.join(", ")}. There are ${names.join(", ")}.`);
  process.exit(2);
}

/** What could not even run is a failure, and the checks after it still run. */
function asFailure(error: unknown): Tally {
  return { passed: 0, failed: 1, remarks: [error instanceof Error ? error.message : String(error)] };
}
