import { leaveOnSignal } from "@shop/local/leave-on-signal";
import { appendResults, codeOfToday } from "../results/results.ts";
import { writeTables } from "../results/tables.ts";
import { playOrder } from "./engine/engine.ts";
import { type Options, readOptions, USAGE } from "./options.ts";
import { faultsOf, planOf } from "./plan.ts";
import { describe, Judged } from "./report.ts";
import { simulate } from "./simulate.ts";
import { playOnWorkers } from "./workers.ts";
import { Stores } from "./world.ts";

const say = (text: string) => void process.stdout.write(`${text}\n`);

interface Played {
  readonly played: number;
  /** Those of them that broke a rule. */
  readonly broken: readonly number[];
  /** By how many seeds each rule was judged; undefined for the engine, which has rules of its own. */
  readonly judged?: Judged;
}

/** How many seeds of the engine that broke a rule are shown with their traces. */
const ENGINE_SHOWN = 3;

/** Plays one order after the other through the saga engine alone. */
function playEngine({ seed, seeds, forMs }: Options): Played {
  const startedAt = performance.now();
  let played = 0;
  const broken: number[] = [];
  for (let at = seed; at < seed + seeds; at += 1) {
    if (forMs !== undefined && performance.now() - startedAt > forMs) break;
    const verdict = playOrder(at);
    played += 1;
    if (verdict === undefined) continue;
    broken.push(at);
    if (broken.length <= ENGINE_SHOWN)
      for (const line of [`seed ${at}`, ...verdict.wrongs, ...verdict.trace]) say(line);
  }
  return { played, broken };
}

/** Plays one seed here, and writes all that happens. */
async function playOne({ seed, faults }: Options): Promise<Played> {
  const stores = await Stores.open();
  try {
    const plan = planOf(seed, faults);
    const verdict = await simulate(stores, plan);
    for (const line of verdict.trace) say(line);
    const judged = new Judged();
    judged.add(verdict.judged);
    if (verdict.breaches.length === 0) return { played: 1, broken: [], judged };
    say(`seed ${seed} (${faultsOf(plan).join(", ")})`);
    for (const line of describe(verdict)) say(`  ${line}`);
    return { played: 1, broken: [seed], judged };
  } finally {
    await stores.close();
  }
}

/** Plays many seeds, in several processes. */
async function playMany({ seed, seeds, forMs = Number.POSITIVE_INFINITY, workers, faults }: Options): Promise<Played> {
  let played = 0;
  const broken: number[] = [];
  const judged = new Judged();
  await playOnWorkers({
    ...{ from: seed, seeds, forMs, workers, faults },
    hear(told) {
      played += 1;
      judged.add(told.judged);
      if (told.broken === undefined) return;
      broken.push(told.seed);
      for (const line of told.broken) say(line);
    },
  });
  return { played, broken, judged };
}

/** The options that play the same seeds again. */
function commandOf({ engine, seed, faults }: Options, played: number): string {
  const some = faults === undefined ? "" : ` --faults ${faults.join(",") || "none"}`;
  return `${engine ? "--engine " : ""}--seed ${seed} --seeds ${played}${some}`;
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
  // Before many seeds: the code may be changed meanwhile.
  const code = await codeOfToday();
  const startedAt = performance.now();
  const { played, broken, judged } = options.engine
    ? playEngine(options)
    : await (options.trace ? playOne(options) : playMany(options));
  const seconds = ((performance.now() - startedAt) / 1_000).toFixed(1);
  const outcome = broken.length === 0 ? "every rule held" : `${broken.length} broke a rule`;
  say(`${played} seeds from ${options.seed} in ${seconds} s: ${outcome}`);
  if (judged) say(`seeds by which each rule was judged: ${judged.toText()}`);
  if (options.tally) {
    const command = `\`bun run sim ${commandOf(options, played)}\``;
    await appendResults("sim", [
      {
        ...code,
        command,
        seeds: played,
        broken: broken.toSorted((a, b) => a - b),
        ...(judged && { judged: judged.toRecord() }),
      },
    ]);
    await writeTables();
  }
  return broken.length === 0 && played > 0 ? 0 : 1;
}

process.exit(await main());
