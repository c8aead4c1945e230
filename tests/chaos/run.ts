import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { watchLateness } from "@shop/runtime/lateness";
import type { Fault } from "./fault.ts";
import { assemble } from "./load/cast.ts";
import { answersByStatus, type Entry } from "./load/journal.ts";
import { runLoad, usualHabits } from "./load/load.ts";
import { gather } from "./rules/evidence.ts";
import { type Breach, judge } from "./rules/rules.ts";
import type { Plan } from "./plan.ts";
import { createScript } from "./script.ts";
import { startStage } from "./stage/stage.ts";
import { untilQuiet } from "./stage/quiet.ts";

export interface Result {
  readonly orders: number;
  readonly answers: Readonly<Record<string, number>>;
  /** Requests by the code of the problem that they were answered with. */
  readonly problems: Readonly<Record<string, number>>;
  /** What was done, in its order. */
  readonly deeds: readonly string[];
  /** How late the program that makes the calls was itself, at most, in milliseconds. */
  readonly callersLateMs: number;
  /** After the heal, in milliseconds; undefined when it did not come to rest in time. */
  readonly quietAfterMs: number | undefined;
  readonly breaches: readonly Breach[];
  /** What else went wrong: unanswered calls, processes that ended by themselves, nothing that succeeded in the end. */
  readonly failures: readonly string[];
}

const STOCKS = [100_000, 100_000, 100_000, 100];
/** A saga that has lost an answer asks again after at most a minute. */
const QUIET_WITHIN_MS = 120_000;
const CALM_BEFORE_MS = 2_000;
const LAST_ORDERS = 5;

/** Starts a system, lets people use it while harm is done, and judges what is left when it has come to rest. */
export async function runPlan(plan: Plan, folder: string, note: (text: string) => void): Promise<Result> {
  const journal: Entry[] = [];
  const log: string[] = [];
  const failures: string[] = [];
  const startedAt = performance.now();
  const write = (text: string) => void log.push(`${((performance.now() - startedAt) / 1_000).toFixed(1)} s  ${text}`);
  const stage = await startStage(plan.needs, note, (text) => {
    write(text);
    failures.push(text);
  });
  try {
    const [first] = plan.faults;
    const cast = await assemble(stage.system.frontendUrl, first.stocks ?? STOCKS, (entry) => journal.push(entry));
    const habits = { ...usualHabits, ...first.habits };
    const harmDone = new AbortController();
    const giveUp = new AbortController();
    const script = createScript(plan, write);

    note(`orders come, and harm is done for ${plan.forMs / 1_000} s`);
    const lateness = watchLateness();
    const load = runLoad(cast, habits, plan.seed, harmDone.signal, giveUp.signal);
    await Bun.sleep(CALM_BEFORE_MS);
    await script.run(stage).catch((error: unknown) => {
      failures.push(`the harm could not be done or undone: ${error instanceof Error ? error.message : String(error)}`);
    });
    failures.push(...script.broken);
    if (script.deeds.length === 0) failures.push("no harm was done");
    harmDone.abort();
    const healedAt = performance.now();
    write("healed");

    note("healed; waiting for the last calls and for quiet");
    const patience = setTimeout(() => giveUp.abort(), QUIET_WITHIN_MS);
    failures.push(...(await load));
    clearTimeout(patience);
    lateness.stop();
    const { quietAfterMs, drainedAfterMs, left } = await untilQuiet(stage, healedAt, QUIET_WITHIN_MS);
    write(quietAfterMs === undefined ? `not quiet: ${left.slice(0, 20).join("; ")}` : "quiet");

    const before = journal.length;
    const last = { ...usualHabits, completed: 1, cancelled: 0, failed: 0, raced: 0, orders: LAST_ORDERS };
    const lastGiveUp = AbortSignal.timeout(30_000);
    const lastCast = { ...cast, productIds: [cast.plenty] };
    const missed = await runLoad(lastCast, last, plan.seed + 1_000_000, new AbortController().signal, lastGiveUp);
    const completed = journal.slice(before).filter(({ call, status }) => call.endsWith("/complete") && status === 200);
    const served = new Set(completed.map(({ orderId }) => orderId));
    if (missed.length > 0 || served.size < LAST_ORDERS)
      failures.push(`after the heal only ${served.size} of ${LAST_ORDERS} orders were served: ${missed.join("; ")}`);
    await untilQuiet(stage, performance.now(), 30_000);

    note("reading the databases, the topics and the journal");
    const { planted, broughtForward } = script;
    const evidence = await gather(stage, { journal, planted, broughtForward, drainedAfterMs });
    failures.push(...plan.faults.flatMap((fault) => badAnswers(fault, journal)));
    return {
      orders: new Set(journal.flatMap(({ status, orderId }) => (status === 201 ? (orderId ?? []) : []))).size,
      answers: answersByStatus(journal),
      problems: problems(journal),
      deeds: script.deeds,
      callersLateMs: lateness.worstMs(),
      quietAfterMs,
      breaches: judge(evidence, plan.rules),
      failures,
    };
  } finally {
    await mkdir(folder, { recursive: true });
    await writeFile(join(folder, "script.log"), `${log.join("\n")}\n`);
    await writeFile(join(folder, "journal.ndjson"), journal.map((entry) => `${JSON.stringify(entry)}\n`).join(""));
    await writeFile(join(folder, "processes.log"), `${stage.lines.join("\n")}\n`);
    await stage.stop();
  }
}

function problems(journal: readonly Entry[]): Readonly<Record<string, number>> {
  const counts: Record<string, number> = {};
  for (const { problem } of journal) if (problem !== undefined) counts[problem] = (counts[problem] ?? 0) + 1;
  return counts;
}

function badAnswers({ answers }: Fault, journal: readonly Entry[]): readonly string[] {
  if (answers === undefined) return [];
  const bad = journal.filter((entry) => isBad(entry, answers));
  if (bad.length === 0) return [];
  const some = bad
    .slice(0, 5)
    .map(({ method, call, status, problem, at }) => `${method} ${call} ${status} ${problem} at ${at}`);
  return [`${bad.length} calls were not served: ${some.join("; ")}`];
}

/** Whoever is refused for now must know it soon: within what the contract gives an answer, and as long again for a client that is busy itself. */
const REFUSED_WITHIN_MS = 4_000;

function isBad({ status, method, call, ms, retryAfter }: Entry, answers: NonNullable<Fault["answers"]>): boolean {
  const failed = status === 0 || status >= 500;
  switch (answers) {
    case "no server errors":
      return failed;
    case "orders are always taken":
      return failed && method === "POST" && call === "/api/orders";
    case "refused early": {
      const refused = status === 429 || status === 503;
      return refused ? retryAfter === undefined || ms > REFUSED_WITHIN_MS : failed;
    }
    default:
      return answers satisfies never;
  }
}
