import type { Verdict } from "./simulate.ts";

const BREACHES_SHOWN = 10;
const STEPS_SHOWN = 40;

/** A verdict in lines for a person: the rules that were broken, the last steps that had to do with their orders, and how to see it again. */
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
