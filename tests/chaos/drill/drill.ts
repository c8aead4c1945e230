import { appendFileSync } from "node:fs";
import { mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { leaveOnSignal } from "@shop/local/leave-on-signal";
import { SetupError } from "@shop/local/setup-error";
import { assemble } from "../../harness/load/actors.ts";
import { runLoad, usualHabits } from "../../harness/load/load.ts";
import { type Stage, startStage } from "../../harness/stage/stage.ts";
import { drillFaults } from "./faults.ts";
import { choose, type Chosen, type Drill, judge, type Told } from "./judge.ts";
import { type Options, readOptions, USAGE } from "./options.ts";

const say = (text: string) => void process.stdout.write(`${text}\n`);

/** Where a drill that runs leaves its address and its processes' logs. */
const FOLDER = join(import.meta.dir, "..", "..", "..", ".data", "drill");
const CONTROL = join(FOLDER, "control.json");
/** Little enough that one person can follow an order. */
const HABITS = { ...usualHabits, ordersPerSecond: 2, inFlight: 200 };
const STOCKS = [100_000, 100_000, 100_000];
/** Tokens are good for a quarter of an hour: everybody logs in again before. */
const SHIFT_MS = 10 * 60_000;

/** Asks the drill that runs. @returns the exit code */
async function ask(name: string | undefined): Promise<number> {
  let url: string;
  try {
    ({ url } = JSON.parse(await readFile(CONTROL, "utf8")) as { url: string });
  } catch {
    say("No drill runs. Start one in another terminal: bun run drill");
    return 1;
  }
  try {
    const response = await fetch(url, { method: "POST", body: JSON.stringify({ name }), proxy: "" });
    const { text, isRight } = (await response.json()) as Told;
    say(text);
    return isRight || name === undefined ? 0 : 1;
  } catch {
    say("The drill does not answer. Has it ended?");
    return 1;
  }
}

/** Orders come all the time, and some are delivered or cancelled. */
async function keepOrdering(stage: Stage, seed: number, stop: AbortSignal): Promise<void> {
  for (let shift = 0; !stop.aborted; shift += 1) {
    try {
      const actors = await assemble(stage.system.frontendUrl, STOCKS, () => undefined);
      const ends = AbortSignal.any([stop, AbortSignal.timeout(SHIFT_MS)]);
      await runLoad(actors, HABITS, seed + shift, ends, ends);
    } catch (error) {
      // A system with a fault may let nobody in; there is nobody to tell but the one who looks for it.
      if (!stop.aborted) appendFileSync(join(FOLDER, "load.log"), `${String(error)}\n`);
      await Bun.sleep(1_000);
    }
  }
}

function explain(stage: Stage, seed: number): void {
  const { system, kafka } = stage;
  const services = Object.entries(system.services).map(
    ([name, { url, managementUrl }]) => `  ${name.padEnd(15)}${url}  health and metrics ${managementUrl}`,
  );
  const databases = [...stage.databaseUrls.keys()].map(
    (name) => `  ${name.padEnd(15)}${stage.superuserUrl(name as "order")}`,
  );
  say(`
The system is up, with orders on it; seed ${seed}. Within a minute or so one fault is there, and stays. Look for it in another terminal:

  export SHOP_URL=${system.frontendUrl} SHOP_PASSWORD=admin-password
  bun run shop health            and whatever docs/runbooks says
  tail -f ${join(FOLDER, "*.log")}
${services.join("\n")}
Databases, for psql:
${databases.join("\n")}
  kafka          ${kafka.brokers}

  bun run drill names            what it can be
  bun run drill found NAME       how long it took
  bun run drill give-up

Ctrl-C stops everything.
`);
}

/** Runs until it is stopped. */
async function run(chosen: Chosen, seed: number): Promise<void> {
  const { fault, afterMs } = chosen;
  await rm(FOLDER, { recursive: true, force: true });
  await mkdir(FOLDER, { recursive: true });
  const stop = new AbortController();
  const lifted = new AbortController();
  const drill: Drill = { injectedAt: undefined, wrong: 0, endedAt: undefined };
  const closers: (() => Promise<unknown>)[] = [];

  async function end(): Promise<void> {
    stop.abort();
    lifted.abort();
    await rm(CONTROL, { force: true });
    for (let close = closers.pop(); close !== undefined; close = closers.pop()) await close();
  }
  leaveOnSignal(end, say, true);

  // A process of that name is started again when it ends by itself; of what the drill does to it nothing is said.
  const logged = (name: string, line: string) => appendFileSync(join(FOLDER, `${name}.log`), `${line}\n`);
  const stage = await startStage({ links: true, replicas: 1 }, say, () => undefined, logged);
  closers.push(() => stage.stop());
  const ordering = keepOrdering(stage, seed, stop.signal);
  const control = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    async fetch(request) {
      const { name } = (await request.json()) as { name?: string };
      const told = judge(drill, chosen, name, performance.now());
      if (drill.endedAt !== undefined) lifted.abort();
      say(told.text);
      return Response.json(told);
    },
  });
  closers.push(() => control.stop(true));
  await writeFile(CONTROL, JSON.stringify({ url: control.url.href }));
  explain(stage, seed);

  await Promise.race([Bun.sleep(afterMs), new Promise((resolve) => stop.signal.addEventListener("abort", resolve))]);
  if (!stop.signal.aborted) {
    await fault.strike(stage, {
      over: lifted.signal,
      did: () => {
        drill.injectedAt = performance.now();
      },
    });
  }
  // What was lifted is to be seen getting well, for as long as somebody looks.
  await ordering;
  // The signal's handler ends the process once all has been stopped.
  await Promise.withResolvers<never>().promise;
}

async function main(): Promise<number> {
  let options: Options;
  try {
    options = readOptions(process.argv.slice(2), Date.now());
    if (options.kind === "run") {
      await run(choose(options.seed, options.inject), options.seed);
      return 0;
    }
  } catch (error) {
    say(error instanceof Error ? error.message : String(error));
    return error instanceof SetupError ? 1 : 2;
  }
  switch (options.kind) {
    case "found":
      return ask(options.name);
    case "give-up":
      return ask(undefined);
    case "names":
      for (const { name } of drillFaults) say(name);
      return 0;
    case "help":
      say(USAGE);
      return 0;
    default:
      return options satisfies never;
  }
}

process.exit(await main());
