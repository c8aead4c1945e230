import { type Plan, planOf } from "../plan.ts";
import type { Bug } from "./bugs.ts";

/** What is played to find a bug: the faults under which it shows, and clients who trigger it. */
export function planFor({ faults, habits }: Bug, seed: number): Plan {
  const plan = planOf(seed, faults);
  return { ...plan, habits: { ...plan.habits, ...habits } };
}
