import { join } from "node:path";
import { leaveOnSignal } from "@shop/local/leave-on-signal";
import { SetupError } from "@shop/local/setup-error";
import { catalogue, mixOf, planOf } from "./catalogue.ts";
import { type Options, readOptions, USAGE } from "./options.ts";
import type { Plan } from "./plan.ts";
import { describe, kept, listOf, type Outcome, writeReport } from "./report.ts";
import { runPlan } from "./run.ts";

const say = (text: string) => void process.stdout.write(`${text}\n`);

/** What runs are asked for; a fault that this machine cannot bring about is an outcome by itself. */
function plansOf({ seed, forMs, faults, mix }: Options): readonly Plan[] {
  if (mix) return [mixOf(seed, forMs)];
  const known = new Map(catalogue.map((fault) => [fault.number, fault]));
  const unknown = faults?.filter((number) => !known.has(number)) ?? [];
  if (unknown.length > 0) throw new Error(`There is no fault ${unknown.join(", ")}. --list shows those there are.`);
  return catalogue.filter(({ number }) => faults?.includes(number) ?? true).map((fault) => planOf(fault, seed, forMs));
}

async function run(plan: Plan, folder: string): Promise<Outcome> {
  const startedAt = performance.now();
  const missing = plan.faults.length === 1 ? plan.faults[0].missing?.() : undefined;
  if (missing !== undefined) return { plan, kind: "not run", why: missing };
  try {
    const result = await runPlan(plan, folder, (text) => say(`  ${text}`));
    return { plan, kind: "run", result, tookMs: performance.now() - startedAt };
  } catch (error) {
    if (!(error instanceof SetupError)) throw error;
    return { plan, kind: "not run", why: error.message };
  }
}

async function main(): Promise<number> {
  let options: Options;
  let plans: readonly Plan[];
  try {
    options = readOptions(process.argv.slice(2), new Date());
    plans = plansOf(options);
  } catch (error) {
    say(error instanceof Error ? error.message : String(error));
    return 2;
  }
  if (options.help) {
    say(USAGE);
    return 0;
  }
  if (options.list) {
    for (const line of listOf(catalogue)) say(line);
    return 0;
  }
  leaveOnSignal(() => Promise.resolve(), say);
  let good = true;
  for (const plan of plans) {
    const names = plan.faults.length === 1 ? `fault ${plan.faults[0].number}, ${plan.name}` : plan.name;
    say(`${names}, seed ${plan.seed}`);
    const folder = join(options.out, plan.faults.length === 1 ? `fault-${plan.faults[0].number}` : "mix");
    const outcome = await run(plan, folder);
    for (const line of describe(outcome, folder)) say(`  ${line}`);
    good &&= kept(outcome);
    if (options.report !== undefined) await writeReport(options.report, outcome, new Date());
  }
  return good ? 0 : 1;
}

process.exit(await main());
