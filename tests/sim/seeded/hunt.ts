import type { Plan } from "../plan.ts";
import { BUGS } from "./bugs.ts";
import { MISTAKES } from "./mistakes.ts";
import { inject } from "./inject.ts";

/** What a hunt tells on its last line, as JSON. */
export interface Hunted {
  /** The first seed under which a rule was broken; null when none was. */
  readonly seed: number | null;
  readonly rules: readonly string[];
  readonly texts: readonly string[];
}

/** What is broken is not waited for as long as elsewhere. */
const QUIET_WITHIN_MS = 40_000;
/** Without long absences and wrong clocks whatever is right is idle well before, in simulated milliseconds. */
const ORDINARY_QUIET_WITHIN_MS = 120_000;
const LASTING = new Set(["a service away for minutes", "steps of clocks"]);

/** An ordinary plan, as patient as it must be: what breaks a rule must be the mistake. */
function patient(plan: Plan): Plan {
  const lasts = plan.worldFaults.some(({ name }) => LASTING.has(name));
  return lasts ? plan : { ...plan, quietWithinMs: ORDINARY_QUIET_WITHIN_MS };
}

/** `bun hunt.ts NAME SEEDS`: plays seeds from 1 with a bug seeded until a rule is broken; ordinary ones for a mistake that is no bug of `BUGS`. */
async function hunt(name: string, seeds: number): Promise<Hunted> {
  const bug = BUGS.find((each) => each.name === name);
  const seeded = bug ?? MISTAKES.find((each) => each.name === name);
  if (seeded === undefined) throw new Error(`there is no bug ${name}`);
  inject(seeded);
  // From here on the product is loaded, with the bug in it.
  const [{ planFor }, { planOf }, { simulate }, { Stores }] = await Promise.all([
    import("./plan-for.ts"),
    import("../plan.ts"),
    import("../simulate.ts"),
    import("../world.ts"),
  ]);
  const stores = await Stores.open();
  try {
    for (let seed = 1; seed <= seeds; seed += 1) {
      const plan =
        bug === undefined ? patient(planOf(seed)) : { ...planFor(bug, seed), quietWithinMs: QUIET_WITHIN_MS };
      const { breaches } = await simulate(stores, plan);
      if (breaches.length === 0) continue;
      return { seed, rules: [...new Set(breaches.map(({ rule }) => rule))], texts: breaches.map(({ text }) => text) };
    }
    return { seed: null, rules: [], texts: [] };
  } finally {
    await stores.close();
  }
}

const [, , name = "", seeds = "10"] = process.argv;
process.stdout.write(`${JSON.stringify(await hunt(name, Number(seeds)))}\n`);
process.exit(0);
