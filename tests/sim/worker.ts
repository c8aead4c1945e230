import { faultsOf, planOf } from "./plan.ts";
import { describe } from "./report.ts";
import { simulate } from "./simulate.ts";
import type { Asked, Told } from "./workers.ts";
import { Stores } from "./world.ts";

/** Plays the seeds that it is asked for by anyone who started it, one after the other, and ends with that process or when it is let go. */
const stores = Stores.open();

async function play({ seed, faults }: Asked): Promise<Told> {
  const plan = planOf(seed, faults);
  const verdict = await simulate(await stores, plan);
  const { judged } = verdict;
  if (verdict.breaches.length === 0) return { seed, judged, broken: undefined };
  return { seed, judged, broken: [`seed ${seed} (${faultsOf(plan).join(", ")})`, ...describe(verdict)] };
}

process.on("message", (asked: Asked) => {
  // What goes wrong in the simulator itself ends the process, with the seed and the reason.
  void play(asked).then(
    (told) => process.send?.(told),
    (cause: unknown) => {
      throw new Error(`seed ${asked.seed} could not be played`, { cause });
    },
  );
});
process.on("disconnect", () => void stores.then((open) => open.close()).then(() => process.exit(0)));
