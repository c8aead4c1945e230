import type { Asked, Fate, FaultInjector } from "./fault-injector.ts";
import type { Process } from "./process.ts";
import type { Scheduler } from "./scheduler.ts";

/** How often each fate befalls each thing that is asked, as parts of one. */
type Rates = Readonly<Record<Asked, Readonly<Partial<Record<Fate, number>>>>>;

const RATES: Rates = {
  statement: { refused: 0.004, unanswered: 0.004, "crash before": 0.002, "crash after": 0.002 },
  begin: { refused: 0.004 },
  commit: { refused: 0.02, unanswered: 0.03, "crash before": 0.01, "crash after": 0.02 },
  publish: { refused: 0.08, unanswered: 0.1, "crash before": 0.02, "crash after": 0.06 },
  batch: { refused: 0.01, unanswered: 0.01 },
  "commit offsets": { refused: 0.05, unanswered: 0.05, "crash before": 0.02, "crash after": 0.02 },
};

/** What can go wrong with each single step. A run has some of it, by its seed, so that each is also seen without the others. */
export const STEP_FAULTS = ["refusals", "lost answers", "crashes", "slowness", "late messages"] as const;
export type StepFault = (typeof STEP_FAULTS)[number];

const LATE_PART = 0.2;
const LATE_BY_MS = 4_000;

/** How slow steps are that may be: the part of them, all before included, and their most, in simulated milliseconds. */
const SLOWNESS = [
  [0.5, 2],
  [0.85, 20],
  [0.985, 200],
  [1, 3_000],
] as const;

const FAULT_OF: Readonly<Record<Exclude<Fate, "nothing">, StepFault>> = {
  refused: "refusals",
  unanswered: "lost answers",
  "crash before": "crashes",
  "crash after": "crashes",
};

/** Decides, by the seed, what befalls each step, while faults are injected. */
export class RatedFaultInjector implements FaultInjector {
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

  lateByMs(): number {
    const { random } = this.#scheduler;
    if (!this.#isOn || !this.#faults.has("late messages") || random() > LATE_PART) return 0;
    return random() * LATE_BY_MS;
  }

  latencyMs(): number {
    const { random } = this.#scheduler;
    const part = random();
    const isSlow = this.#isOn && this.#faults.has("slowness");
    if (!isSlow) return part < 0.85 ? 0.1 + random() * 2 : random() * 15;
    const [, mostMs = 0] = SLOWNESS.find(([below]) => part < below) ?? [];
    return 0.1 + random() * mostMs;
  }
}
