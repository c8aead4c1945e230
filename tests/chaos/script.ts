import type { Fault, Turn } from "./fault.ts";
import { type Plan, randomOf } from "./plan.ts";
import { placeOf } from "../harness/rules/evidence.ts";
import type { Stage } from "../harness/stage/stage.ts";

const ON_MS = 5_000;
const OFF_MS = 5_000;
/** How many times its length a run goes on until its faults have taken effect often enough. */
const GIVE_UP_FACTOR = 3;

/** The faults of a plan: turns of its faults with calm between them, all of it drawn from the seed and recorded. */
export interface Script {
  readonly deeds: readonly string[];
  /** How often faults have taken effect. */
  effects(): number;
  readonly broken: readonly string[];
  readonly injected: ReadonlySet<string>;
  readonly broughtForward: ReadonlySet<string>;
  /** Resolves when the time is over and all faults are reverted; there is one turn at least. */
  run(stage: Stage): Promise<void>;
}

export function createScript(plan: Plan, write: (text: string) => void): Script {
  const random = randomOf(plan);
  const deeds: string[] = [];
  let effects = 0;
  const broken: string[] = [];
  const injected = new Set<string>();
  const broughtForward = new Set<string>();
  const pick = <Item>(items: readonly Item[]) => items[Math.floor(random() * items.length)] as Item;

  function turnOf(onMs: number): Turn {
    const over = AbortSignal.timeout(onMs);
    return {
      ...{ random, pick, onMs, over },
      async wait(ms) {
        if (over.aborted) return;
        await Promise.race([Bun.sleep(ms), new Promise((resolve) => over.addEventListener("abort", resolve))]);
      },
      did(what, count = 1) {
        write(what);
        effects += count;
        deeds.push(what);
      },
      broke(what) {
        write(what);
        broken.push(what);
      },
      injected: (place) => void injected.add(placeOf(place)),
      broughtForward: (messageId) => void broughtForward.add(messageId),
    };
  }

  return {
    ...{ deeds, broken, injected, broughtForward },
    effects: () => effects,
    async run(stage) {
      const startedAt = performance.now();
      const endsAt = startedAt + plan.forMs;
      const givesUpAt = startedAt + plan.forMs * GIVE_UP_FACTOR;
      let deck: Fault[] = [];
      do {
        // Each has its turn before any has a second one.
        if (deck.length === 0) deck = shuffled(plan.faults, random);
        const fault = deck.pop() ?? plan.faults[0];
        write(`turn of ${fault.name}`);
        await fault.strike(stage, turnOf(fault.lasts ? plan.forMs : (fault.onMs ?? plan.onMs ?? ON_MS)));
        await Bun.sleep(Math.max(0, Math.min(fault.offMs ?? plan.offMs ?? OFF_MS, endsAt - performance.now())));
      } while (performance.now() < endsAt || (effects < plan.leastEffects && performance.now() < givesUpAt));
    },
  };
}

function shuffled<Item>(items: readonly Item[], random: () => number): Item[] {
  return items
    .map((item) => ({ item, at: random() }))
    .toSorted((one, other) => one.at - other.at)
    .map(({ item }) => item);
}
