import type { Fault, Least } from "./fault.ts";
import type { Entry } from "../harness/load/journal.ts";
import type { Plan } from "./plan.ts";
import { createRecords } from "./records.ts";
import { createScript } from "./script.ts";
import { startStage } from "../harness/stage/stage.ts";
import { trial, type Verdict } from "./trial.ts";

export interface Result extends Verdict {
  /** What was done, in its order. */
  readonly deeds: readonly string[];
}

/** Starts a system, lets clients use it while faults are injected, and judges what is left when it is idle. */
export async function runPlan(plan: Plan, folder: string, note: (text: string) => void): Promise<Result> {
  const { journal, write, save } = createRecords();
  const failures: string[] = [];
  const stage = await startStage(plan.needs, note, (text) => {
    write(text);
    failures.push(text);
  });
  try {
    const [first] = plan.faults;
    const script = createScript(plan, write);
    const verdict = await trial({
      url: stage.system.frontendUrl,
      depths: () => Promise.resolve(stage),
      injectFaults: () => script.run(stage),
      deeds: script,
      ...{ seed: plan.seed, rules: plan.rules, journal },
      mayAnswer: plan.faults.flatMap((fault) => fault.mayAnswer ?? []),
      mayTimeOut: plan.faults.some((fault) => fault.mayTimeOut),
      ...(first.habits && { habits: first.habits }),
      ...(first.least && { least: partOf(first.least, plan.forMs / first.full.forMs) }),
      ...(first.stocks && { stocks: first.stocks }),
      note(text) {
        write(text);
        note(text);
      },
    });
    failures.push(...script.broken);
    if (script.effects() < plan.leastEffects)
      failures.push(`the faults took effect ${script.effects()} times: ${plan.leastEffects} are the least`);
    failures.push(...verdict.failures, ...plan.faults.flatMap((fault) => badAnswers(fault, journal)));
    return { ...verdict, deeds: script.deeds, failures };
  } finally {
    await save(folder, `${stage.lines.join("\n")}\n`);
    await stage.stop();
  }
}

/** What must be done in a run that is as long as this part of a full one. */
function partOf({ placed, completed, cancelled }: Least, part: number): Least {
  const of = (count: number) => Math.floor(count * Math.min(1, part));
  return { placed: of(placed), completed: of(completed), cancelled: of(cancelled) };
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

/** How soon each call of a flood is answered, served or refused: as the contract says, and as long again for a client that is busy itself. */
const ANSWERED_WITHIN_MS = 4_000;

function isBad({ status, method, call, ms, retryAfter }: Entry, answers: NonNullable<Fault["answers"]>): boolean {
  const failed = status === 0 || status >= 500;
  switch (answers) {
    case "no server errors":
      return failed;
    case "orders are always taken":
      return failed && method === "POST" && call === "/api/orders";
    case "refused early": {
      const refused = status === 429 || status === 503;
      return ms > ANSWERED_WITHIN_MS || (refused ? retryAfter === undefined : failed);
    }
    default:
      return answers satisfies never;
  }
}
