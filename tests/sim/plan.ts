import { type Habits, usualHabits } from "../harness/load/load.ts";
import { seeded } from "../support/seeded.ts";
import { WORLD_FAULTS, type WorldFault } from "./faults.ts";
import { STEP_FAULTS, type StepFault } from "./fault-rates.ts";
import type { Limits } from "./limits.ts";

/** What is done in a run. */
export interface Plan {
  readonly seed: number;
  /** Of each service. */
  readonly replicas: number;
  readonly stepFaults: ReadonlySet<StepFault>;
  /** How often single steps go wrong, as a multiple of what is usual. */
  readonly intensity: number;
  readonly worldFaults: readonly WorldFault[];
  readonly habits: Habits;
  readonly limits: Limits;
  /** How many orders are watched. */
  readonly watched: number;
  readonly stocks: readonly [plenty: number, ...others: number[]];
  /** Whether the work that services do beside requests and messages is left out, so that nothing makes good what a message did not bring about. */
  readonly withoutBackground: boolean;
  /** For how long faults are injected, in simulated milliseconds. */
  readonly faultsForMs: number;
  /** How long it may take until all is idle after that, in simulated milliseconds. */
  readonly quietWithinMs: number;
}

/** Longer than the deadline of every step of the saga. */
const QUIET_WITHIN_MS = 11 * 60_000;

export const FAULT_NAMES: readonly string[] = [...STEP_FAULTS, ...WORLD_FAULTS.map(({ name }) => name)];

/** Each fault is in two runs of five: what all of them together would hide, few of them show. */
const PART_OF_FAULTS = 0.4;
const MORE_FAULTS_MS = 5_000;
/** A service that comes back after minutes finds sagas that only their timers end, and not every loss in a topic of two writers is noticed. */
const NEEDING_BACKGROUND = ["a service away for minutes", "lost data of the broker"];
const WITHOUT_BACKGROUND_PART = 0.3;
/** In some runs the first orders are watched: a watcher asks often. */
const WATCHED_PART = 0.4;
const WATCHED = 3;

/**
 * The plan of a seed: which faults there are, how often, and what clients do.
 * @param chosen the names of the faults, in place of those that the seed would draw
 */
export function planOf(seed: number, chosen?: readonly string[]): Plan {
  const random = seeded(seed ^ 0x5eed);
  for (let index = 0; index < 16; index += 1) random();
  const partOf = new Map(WORLD_FAULTS.map(({ name, part }) => [name, part]));
  const drawn = FAULT_NAMES.filter((name) => random() < (partOf.get(name) ?? PART_OF_FAULTS));
  const faults = new Set(chosen ?? drawn);
  const between = (low: number, high: number) => low + random() * (high - low);
  const habits = {
    ...usualHabits,
    orders: Math.round(between(4, 12)),
    ordersPerSecond: between(1.5, 12),
    timesPlaced: random() < 0.3 ? 2 : 1,
    cancelled: 0.25,
    completed: 0.25,
    raced: 0.1,
    failed: 0.05,
    contended: 0.2,
  };
  const plan = {
    ...{ seed, habits },
    replicas: 2,
    stepFaults: new Set(STEP_FAULTS.filter((name) => faults.has(name))),
    intensity: between(0.5, 3),
    worldFaults: WORLD_FAULTS.filter(({ name }) => faults.has(name)),
    // A message that has failed is retried after five seconds, and is to fail then, too.
    faultsForMs: between(5_000, 10_000) + (faults.has("failing handlers") ? MORE_FAULTS_MS : 0),
    quietWithinMs: QUIET_WITHIN_MS,
  };
  const limit = (part: number, low: number, high: number) => {
    const value = Math.round(between(low, high));
    return random() < part ? value : undefined;
  };
  return {
    ...plan,
    limits: {
      handled: limit(0.25, 1, 4),
      publishedRows: limit(0.25, 1, 4),
      publishedBytes: limit(0.15, 600, 4_000),
      connections: limit(0.25, 3, 5),
    },
    watched: random() < WATCHED_PART ? WATCHED : 0,
    stocks: [1_000, Math.round(between(2, 40)), Math.round(between(1, 4))],
    withoutBackground: random() < WITHOUT_BACKGROUND_PART && !NEEDING_BACKGROUND.some((name) => faults.has(name)),
  };
}

/** The faults of a plan, for a loadClient. */
export const faultsOf = ({ stepFaults, worldFaults }: Plan): readonly string[] => [
  ...stepFaults,
  ...worldFaults.map(({ name }) => name),
];
