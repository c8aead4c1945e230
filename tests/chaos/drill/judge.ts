import { seeded } from "../../support/seeded.ts";
import { type DrillFault, drillFaults } from "./faults.ts";

/** What a seed injects, and after how many milliseconds. */
export interface Chosen {
  readonly fault: DrillFault;
  readonly afterMs: number;
}

/** Long enough to see how the system is when it is well, in milliseconds. */
const CALM_MS = 20_000;
const MORE_CALM_MS = 40_000;
/** The first numbers of seeds that are close to each other are close, too. */
const WARM_UP = 16;

/**
 * @param inject the fault to inject, instead of one by the seed
 * @throws Error with a sentence when there is no such fault
 */
export function choose(seed: number, inject: string | undefined): Chosen {
  const random = seeded(seed);
  for (let drawn = 0; drawn < WARM_UP; drawn += 1) random();
  const picked = drillFaults[Math.floor(random() * drillFaults.length)];
  const fault = inject === undefined ? picked : drillFaults.find(({ name }) => name === inject);
  if (fault === undefined) throw new Error(`There is no fault "${inject}": bun run drill names shows those there are.`);
  return { fault, afterMs: CALM_MS + random() * MORE_CALM_MS };
}

/** How a drill stands. Times are in milliseconds of one clock. */
export interface Drill {
  /** When the fault was there; undefined before. */
  injectedAt: number | undefined;
  /** How many calls were wrong. */
  wrong: number;
  /** When it was found or given up. */
  endedAt: number | undefined;
}

export interface Told {
  readonly text: string;
  readonly isRight: boolean;
}

/** What is said to somebody who calls a fault by a name, or gives up. */
export function judge(drill: Drill, { fault }: Chosen, called: string | undefined, now: number): Told {
  if (drill.endedAt !== undefined) return { text: `It is over: ${fault.what}.`, isRight: called === fault.name };
  if (called !== undefined && !drillFaults.some(({ name }) => name === called))
    return { text: `No fault is called "${called}": bun run drill names shows those there are.`, isRight: false };
  if (drill.injectedAt === undefined || (called !== undefined && called !== fault.name)) {
    if (called !== undefined) drill.wrong += 1;
    return { text: called === undefined ? "Nothing is injected yet." : `It is not ${called}. Go on.`, isRight: false };
  }
  drill.endedAt = now;
  const after = `${Math.round((now - drill.injectedAt) / 1_000)} s after it was injected`;
  const pages = fault.pages.map((page) => `docs/runbooks/${page}.md`).join(", ");
  const how =
    called === undefined
      ? `Given up ${after}`
      : `Found ${after}, with ${drill.wrong} wrong ${drill.wrong === 1 ? "call" : "calls"} before`;
  return {
    text: `${how}: ${fault.what}. Pages: ${pages}. It is lifted; look whether all gets well.`,
    isRight: called !== undefined,
  };
}
