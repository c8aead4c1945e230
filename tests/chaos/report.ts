import type { Fault } from "./fault.ts";
import type { Run } from "./plan.ts";
import type { ChaosResult } from "../results/results.ts";
import type { Result } from "./run.ts";

export type Outcome =
  | { readonly of: Run; readonly kind: "run"; readonly result: Result; readonly tookMs: number }
  | { readonly of: Run; readonly kind: "not run"; readonly why: string };

/** Whether every rule held. What could not be run has proven nothing. */
export function kept(outcome: Outcome): boolean {
  return outcome.kind === "run" && outcome.result.breaches.length === 0 && outcome.result.failures.length === 0;
}

/** The command that repeats a run. */
export function commandFor({ option, seed, forMs }: Run): string {
  return `bun run chaos ${option} --seed ${seed} --for ${forMs / 1_000}s`;
}

const BREACHES_SHOWN = 20;

/** An outcome in lines for a loadClient. */
export function describe(outcome: Outcome, folder: string): readonly string[] {
  if (outcome.kind === "not run") return [`NOT RUN: ${outcome.why}`];
  const { of, result, tookMs } = outcome;
  const { orders, answers, problems, deeds, callersLateMs, quietAfterMs, breaches, failures } = result;
  const lines = [
    `${orders} orders; answers: ${countsIn(answers)}; problems: ${countsIn(problems) || "none"}`,
    `${deeds.length} faults; ${quietAfterMs === undefined ? "it did not come to rest" : `quiet ${seconds(quietAfterMs)} after the heal`}; ${seconds(tookMs)} in all`,
    `the program that makes the calls was itself late by ${callersLateMs} ms at most`,
  ];
  if (kept(outcome)) return [...lines, `KEPT ${of.rules.join(" ")}`];
  return [
    ...lines,
    `BROKEN ${[...new Set(breaches.map(({ rule }) => rule))].join(" ")}`,
    ...failures.slice(0, BREACHES_SHOWN),
    ...breaches.slice(0, BREACHES_SHOWN).map(({ rule, orderId, text }) => `${rule} ${orderId ?? ""} ${text}`),
    ...(breaches.length > BREACHES_SHOWN ? [`and ${breaches.length - BREACHES_SHOWN} more`] : []),
    `the journal, the script and the processes' last lines are in ${folder}; again by`,
    commandFor(of),
  ];
}

/** The catalogue in lines for a loadClient. */
export function listOf(faults: readonly Fault[]): readonly string[] {
  return faults.map(
    ({ number, name, what, rules, mixes, full }) =>
      `${String(number).padStart(2)}  ${name}${mixes ? " (in the mix)" : ""}: ${what}. ${full.effects} times in ${seconds(full.forMs)}. ${rules.join(" ")}`,
  );
}

/** An outcome as it is kept. */
export function resultOf(outcome: Outcome, code: Pick<ChaosResult, "date" | "commit" | "changed">): ChaosResult {
  const { title, seed, forMs, rules } = outcome.of;
  const of = { ...code, title, seed, forMs };
  if (outcome.kind === "not run") {
    return { ...of, done: "", orders: null, answers: "", quiet: "", verdict: "not run", detail: outcome.why };
  }
  const { orders, answers, deeds, quietAfterMs, breaches, failures } = outcome.result;
  const broken = [...new Set(breaches.map(({ rule }) => rule))].join(" ");
  return {
    ...of,
    ...{ done: summaryOf(deeds), orders, answers: countsIn(answers) },
    quiet: quietAfterMs === undefined ? "never" : seconds(quietAfterMs),
    ...(kept(outcome)
      ? { verdict: "kept", detail: rules.join(" ") }
      : { verdict: "broken", detail: `${broken} ${failures[0] ?? ""}`.trim() }),
  };
}

/** The deeds with their numbers left out, counted: "12 × kill -9 order". */
function summaryOf(deeds: readonly string[]): string {
  if (deeds.length === 1) return deeds[0] ?? "";
  const kinds = new Map<string, number>();
  for (const deed of deeds) {
    const kind = deed.replace(/-2\b/g, "").replace(/ for \d+ ms| for [\d.]+ s/g, "");
    kinds.set(kind, (kinds.get(kind) ?? 0) + 1);
  }
  const parts = [...kinds].map(([kind, count]) => (count === 1 ? kind : `${count} × ${kind}`));
  return parts.length > 4 ? `${deeds.length} in all: ${parts.slice(0, 3).join(", ")}, …` : parts.join(", ");
}

function countsIn(counts: Readonly<Record<string, number>>): string {
  return Object.entries(counts)
    .map(([name, count]) => `${name} ${count}`)
    .join(", ");
}

function seconds(ms: number): string {
  return `${(ms / 1_000).toFixed(1)} s`;
}
