import { seeded } from "../support/seeded.ts";
import type { Fault } from "./fault.ts";
import type { Rule } from "../harness/rules/rules.ts";
import type { Needs } from "../harness/stage/stage.ts";

/** What is run, as a report names it. */
export interface Run {
  readonly title: string;
  /** The option that asks for it. */
  readonly option: string;
  readonly rules: readonly Rule[];
  readonly seed: number;
  /** How long orders come and faults are injected. */
  readonly forMs: number;
}

/** One fault, or several taken in turn by the seed. */
export interface Plan extends Run {
  readonly faults: readonly [Fault, ...Fault[]];
  readonly needs: Needs;
  /** How often the faults must take effect. */
  readonly leastEffects: number;
  /** How long a turn and the calm after it are, unless a fault says otherwise; 5 s each by default. */
  readonly onMs?: number;
  readonly offMs?: number;
}

/** The random numbers of a plan's script; the load has others, so that the two do not depend on each other. */
export function randomOf({ seed, faults }: Plan): () => number {
  return seeded(seed * 31 + faults.reduce((sum, { number }) => sum + number, 0));
}
