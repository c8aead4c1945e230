import { join } from "node:path";
import { leaveOnSignal } from "@shop/local/leave-on-signal";
import { SetupError } from "@shop/local/setup-error";
import { allFaults, mixOf, planOf } from "./all-faults.ts";
import { type Options, readOptions, USAGE } from "./options.ts";
import { describe, kept, listOf, type Outcome, resultOf } from "./report.ts";
import { type Result, runPlan } from "./run.ts";
import { appendResults, codeOfToday } from "../results/results.ts";
import { writeTables } from "../results/tables.ts";
import { onContainers, runOnContainers } from "../containers/chaos.ts";
import type { Run } from "./plan.ts";

const say = (text: string) => void process.stdout.write(`${text}\n`);

interface Chosen {
  readonly of: Run;
  /** What this machine lacks for it, as a sentence. */
  readonly missing?: string | undefined;
  go(folder: string, note: (text: string) => void): Promise<Result>;
}

/** As long as a mix of faults is by default, in milliseconds. */
const MIX_MS = 60_000;

/** The runs that are asked for. */
function chosenBy({ seed, forMs, faults, mix, containers }: Options): readonly Chosen[] {
  if (containers) {
    const of = onContainers(seed, forMs ?? MIX_MS);
    return [{ of, go: (folder, note) => runOnContainers(of, folder, note) }];
  }
  if (mix) {
    const plan = mixOf(seed, forMs ?? MIX_MS);
    return [{ of: plan, go: (folder, note) => runPlan(plan, folder, note) }];
  }
  const known = new Map(allFaults.map((fault) => [fault.number, fault]));
  const unknown = faults?.filter((number) => !known.has(number)) ?? [];
  if (unknown.length > 0) throw new Error(`There is no fault ${unknown.join(", ")}. --list shows those there are.`);
  return allFaults
    .filter(({ number }) => faults?.includes(number) ?? true)
    .map((fault) => {
      const plan = planOf(fault, seed, forMs ?? fault.full.forMs);
      return { of: plan, missing: fault.missing?.(), go: (folder, note) => runPlan(plan, folder, note) };
    });
}

/** What cannot be brought about here is an outcome, too. */
async function run({ of, missing, go }: Chosen, folder: string): Promise<Outcome> {
  const startedAt = performance.now();
  if (missing !== undefined) return { of, kind: "not run", why: missing };
  try {
    const result = await go(folder, (text) => say(`  ${text}`));
    return { of, kind: "run", result, tookMs: performance.now() - startedAt };
  } catch (error) {
    if (!(error instanceof SetupError)) throw error;
    return { of, kind: "not run", why: error.message };
  }
}

async function main(): Promise<number> {
  let options: Options;
  let runs: readonly Chosen[];
  try {
    options = readOptions(process.argv.slice(2), new Date());
    runs = chosenBy(options);
  } catch (error) {
    say(error instanceof Error ? error.message : String(error));
    return 2;
  }
  if (options.help) {
    say(USAGE);
    return 0;
  }
  if (options.list) {
    for (const line of listOf(allFaults)) say(line);
    return 0;
  }
  leaveOnSignal(() => Promise.resolve(), say);
  // Before a run of hours: the code may be changed meanwhile.
  const code = await codeOfToday();
  let good = true;
  for (const chosen of runs) {
    const { title, seed, forMs } = chosen.of;
    say(`${title}, seed ${seed}, for ${forMs / 1_000} s`);
    const folder = join(options.out, title.replaceAll(" ", "-"));
    const outcome = await run(chosen, folder);
    for (const line of describe(outcome, folder)) say(`  ${line}`);
    good &&= kept(outcome);
    if (options.report) {
      await appendResults("chaos", [resultOf(outcome, code)]);
      await writeTables();
    }
  }
  return good ? 0 : 1;
}

process.exit(await main());
