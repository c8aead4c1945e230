import { type Habits, usualHabits } from "../chaos/load/load.ts";
import { seeded } from "../support/seeded.ts";
import { WORLD_FAULTS, type WorldFault } from "./faults.ts";
import { STEP_FAULTS, type StepFault } from "./trouble.ts";

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
  /** For how long harm is done, in simulated milliseconds. */
  readonly harmMs: number;
  /** How long it may take until all has come to rest after that, in simulated milliseconds. */
  readonly quietWithinMs: number;
}

/** Longer than the patience of every step of the saga. */
const QUIET_WITHIN_MS = 11 * 60_000;

export const FAULT_NAMES: readonly string[] = [...STEP_FAULTS, ...WORLD_FAULTS.map(({ name }) => name)];

/** Each fault is in two runs of five: what all of them together would hide, few of them show. */
const PART_OF_FAULTS = 0.4;

/**
 * The plan of a seed: which faults there are, how often, and what people do.
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
  return {
    ...{ seed, habits },
    replicas: 2,
    stepFaults: new Set(STEP_FAULTS.filter((name) => faults.has(name))),
    intensity: between(0.5, 3),
    worldFaults: WORLD_FAULTS.filter(({ name }) => faults.has(name)),
    harmMs: between(5_000, 10_000),
    quietWithinMs: QUIET_WITHIN_MS,
  };
}

/** The faults of a plan, for a person. */
export const faultsOf = ({ stepFaults, worldFaults }: Plan): readonly string[] => [
  ...stepFaults,
  ...worldFaults.map(({ name }) => name),
];
