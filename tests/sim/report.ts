import { ALL_RULES, type Rule } from "../harness/rules/rules.ts";
import type { Verdict } from "./simulate.ts";

const BREACHES_SHOWN = 10;
const STEPS_SHOWN = 40;

/** Counts by how many seeds each rule was judged. */
export class Judged {
  readonly #seeds = new Map<Rule, number>(ALL_RULES.map((rule) => [rule, 0]));

  add(rules: readonly Rule[]): void {
    for (const rule of rules) this.#seeds.set(rule, (this.#seeds.get(rule) ?? 0) + 1);
  }

  /** For each rule the number of seeds. */
  toRecord(): Readonly<Record<string, number>> {
    return Object.fromEntries(this.#seeds);
  }

  /** `I1 120, I2 120, …`: for each rule the number of seeds. */
  toText(): string {
    return [...this.#seeds].map(([rule, seeds]) => `${rule} ${seeds}`).join(", ");
  }
}

/** A verdict in lines for a loadClient: the rules that were broken, the last steps that had to do with their orders, and how to see it again. */
export function describe({ seed, breaches, trace, orders, tookMs }: Verdict): readonly string[] {
  const rules = [...new Set(breaches.map(({ rule }) => rule))].toSorted();
  const about = new Set(breaches.flatMap(({ orderId }) => (orderId === undefined ? [] : [orderId.slice(-6)])));
  const steps = trace.filter((line) => [...about].some((tail) => line.includes(tail)) || !line.includes(" db: "));
  return [
    `${orders} orders in ${Math.round(tookMs)} simulated ms; broken: ${rules.join(" ") || "nothing"}`,
    ...breaches.slice(0, BREACHES_SHOWN).map(({ rule, orderId, text }) => `${rule} ${orderId ?? ""} ${text}`),
    ...(breaches.length > BREACHES_SHOWN ? [`and ${breaches.length - BREACHES_SHOWN} more`] : []),
    `the last steps:`,
    ...steps.slice(-STEPS_SHOWN),
    `again, with the whole trace: bun run sim --seed ${seed}`,
  ];
}
