import { leaveOnSignal } from "@shop/local/leave-on-signal";
import { type Options, readOptions, USAGE } from "./options.ts";
import { faultsOf, planOf } from "./plan.ts";
import { describe } from "./report.ts";
import { simulate, type Verdict } from "./simulate.ts";
import { Stores } from "./world.ts";

const say = (text: string) => void process.stdout.write(`${text}\n`);

/** Plays one seed after the other. @returns how many were played, and those that broke a rule */
async function playAll({ seed, seeds, forMs, faults, trace }: Options): Promise<{ played: number; broken: Verdict[] }> {
  const startedAt = performance.now();
  const stores = await Stores.open();
  const broken: Verdict[] = [];
  let played = 0;
  try {
    for (let at = seed; at < seed + seeds; at += 1) {
      if (forMs !== undefined && performance.now() - startedAt > forMs) break;
      const plan = planOf(at, faults);
      const verdict = await simulate(stores, plan);
      played += 1;
      if (trace) for (const line of verdict.trace) say(line);
      if (verdict.breaches.length === 0) continue;
      broken.push(verdict);
      say(`seed ${at} (${faultsOf(plan).join(", ")})`);
      for (const line of describe(verdict)) say(`  ${line}`);
    }
  } finally {
    await stores.close();
  }
  return { played, broken };
}

async function main(): Promise<number> {
  let options: Options;
  try {
    options = readOptions(process.argv.slice(2), new Date());
  } catch (error) {
    say(error instanceof Error ? error.message : String(error));
    return 2;
  }
  if (options.help) {
    say(USAGE);
    return 0;
  }
  leaveOnSignal(() => Promise.resolve(), say);
  const startedAt = performance.now();
  const { played, broken } = await playAll(options);
  const seconds = ((performance.now() - startedAt) / 1_000).toFixed(1);
  say(
    `${played} seeds from ${options.seed} in ${seconds} s: ${broken.length === 0 ? "every rule held" : `${broken.length} broke a rule`}`,
  );
  return broken.length === 0 && played > 0 ? 0 : 1;
}

process.exit(await main());
