import type { Asked, Fate, Mischief } from "./mischief.ts";
import type { Process } from "./process.ts";
import type { Scheduler } from "./scheduler.ts";

/** How often each fate befalls each thing that is asked, as parts of one. */
type Rates = Readonly<Record<Asked, Readonly<Partial<Record<Fate, number>>>>>;

const RATES: Rates = {
  statement: { refused: 0.004, unanswered: 0.004, "crash before": 0.002, "crash after": 0.002 },
  begin: { refused: 0.004 },
  commit: { refused: 0.02, unanswered: 0.03, "crash before": 0.01, "crash after": 0.02 },
  publish: { refused: 0.08, unanswered: 0.1, "crash before": 0.02, "crash after": 0.06 },
  "commit offsets": { refused: 0.05, unanswered: 0.05, "crash before": 0.02, "crash after": 0.02 },
};

/** What can go wrong with each single step. A run has some of it, by its seed, so that each is also seen without the others. */
export const STEP_FAULTS = ["refusals", "lost answers", "crashes", "slowness"] as const;
export type StepFault = (typeof STEP_FAULTS)[number];

const FAULT_OF: Readonly<Record<Exclude<Fate, "nothing">, StepFault>> = {
  refused: "refusals",
  unanswered: "lost answers",
  "crash before": "crashes",
  "crash after": "crashes",
};

/** Decides, by the seed, what befalls each step, for as long as harm is done. */
export class Trouble implements Mischief {
  readonly #scheduler: Scheduler;
  readonly #faults: ReadonlySet<StepFault>;
  /** How much more often than usual. */
  readonly #intensity: number;
  #isOn = false;

  constructor(scheduler: Scheduler, faults: ReadonlySet<StepFault>, intensity: number) {
    this.#scheduler = scheduler;
    this.#faults = faults;
    this.#intensity = intensity;
  }

  begin(): void {
    this.#isOn = true;
  }

  end(): void {
    this.#isOn = false;
  }

  fateOf(_process: Process, asked: Asked): Fate {
    if (!this.#isOn) return "nothing";
    let left = this.#scheduler.random();
    for (const [fate, rate = 0] of Object.entries(RATES[asked]) as [Exclude<Fate, "nothing">, number][]) {
      if (!this.#faults.has(FAULT_OF[fate])) continue;
      left -= rate * this.#intensity;
      if (left < 0) return fate;
    }
    return "nothing";
  }

  latencyMs(): number {
    const { random } = this.#scheduler;
    const part = random();
    const isSlow = this.#isOn && this.#faults.has("slowness");
    if (part < 0.85) return 0.1 + random() * 2;
    if (part < 0.97 || !isSlow) return random() * 15;
    return random() * (part < 0.995 ? 300 : 3_000);
  }
}
