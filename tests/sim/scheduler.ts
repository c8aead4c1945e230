import { seeded } from "../support/seeded.ts";

/** A process of the simulated system, as the scheduler sees it: nothing happens in one that has crashed, and nothing in one that is frozen until it thaws. */
export interface Owner {
  readonly name: string;
  readonly hasCrashed: boolean;
  /** Until when it is frozen, in simulated milliseconds; 0 when it is not. */
  readonly frozenUntil: number;
}

interface Event {
  at: number;
  readonly order: number;
  readonly owner: Owner | undefined;
  readonly label: string;
  readonly act: () => Promise<void> | void;
}

/** Something happened that the seed does not decide, so that the run could not be repeated. */
class NotRepeatable extends Error {
  override readonly name = "NotRepeatable";
}

/** When simulated time begins. */
export const BEGINNING = Date.UTC(2026, 0, 1);

/**
 * The one thing that lets anything happen. Whatever a process of the system waits for is an event here; the scheduler takes the earliest, has it
 * act, waits for what that really takes (a statement in PostgreSQL), lets everything that follows from it run, and only then takes the next one.
 * So a run depends on nothing but its seed. Time passes between events and costs nothing.
 */
export class Scheduler {
  /** Drawn from for whatever the scheduler's users leave to chance. */
  readonly random: () => number;
  readonly trace: string[] = [];
  /**
   * The least that a wait of a tenth of a second or more takes in a process, in simulated milliseconds: with more than 0 days are played in
   * seconds. It is as if all machines were slow, which the system must bear anyway.
   */
  leastSleepMs = 0;
  #now = 0;
  #events: Event[] = [];
  #registered = 0;
  #isOutside = false;
  #problem: Error | undefined;

  constructor(seed: number) {
    this.random = seeded(seed);
    // The first numbers of seeds that lie side by side are alike.
    for (let index = 0; index < 16; index += 1) this.random();
  }

  /** Milliseconds since the run began. */
  get now(): number {
    return this.#now;
  }

  /** Milliseconds since the epoch, by the only clock that is always right. */
  get timeOfDay(): number {
    return BEGINNING + Math.floor(this.#now);
  }

  chance(part: number): boolean {
    return this.random() < part;
  }

  between(low: number, high: number): number {
    return low + this.random() * (high - low);
  }

  pick<Item>(list: readonly [Item, ...Item[]]): Item;
  pick<Item>(list: readonly Item[]): Item | undefined;
  pick<Item>(list: readonly Item[]): Item | undefined {
    return list[Math.floor(this.random() * list.length)];
  }

  note(text: string): void {
    this.trace.push(`${this.#now.toFixed(3)} ${text}`);
  }

  /** Has `act` happen after `ms`, unless its owner has crashed by then. @returns how to cancel it */
  after(ms: number, owner: Owner | undefined, label: string, act: Event["act"]): () => void {
    if (this.#isOutside) {
      this.#problem ??= new NotRepeatable(`"${label}" came up while the scheduler waited for the database`);
    }
    this.#registered += 1;
    const event: Event = { at: this.#now + Math.max(0, ms), order: this.#registered, owner, label, act };
    this.#events.push(event);
    return () => {
      const index = this.#events.indexOf(event);
      if (index !== -1) this.#events.splice(index, 1);
    };
  }

  /** Resolves after `ms` of simulated time. */
  sleep(ms: number, owner?: Owner): Promise<void> {
    return new Promise((resolve) => this.after(ms, owner, "", resolve));
  }

  /** Has a look at something outside of the simulation, in a turn of its own. */
  look<Result>(work: () => Promise<Result>): Promise<Result> {
    return new Promise((resolve, reject) => {
      this.after(0, undefined, "", () => this.outside(work()).then(resolve, reject));
    });
  }

  /** Within an event: waits for something outside of the simulation, such as a statement; nobody in it may do anything meanwhile. */
  async outside<Result>(work: Promise<Result>): Promise<Result> {
    this.#isOutside = true;
    try {
      return await work;
    } finally {
      this.#isOutside = false;
    }
  }

  /** Lets things happen until `scenario` has come to its end. */
  async drive<Result>(scenario: Promise<Result>): Promise<Result> {
    let isOver = false;
    const over = () => (isOver = true);
    scenario.then(over, over);
    for (;;) {
      await this.#settle();
      if (this.#problem) throw this.#problem;
      if (isOver) return scenario;
      const event = this.#takeNext();
      if (event === undefined) throw new Error("nothing is left that could happen, and the scenario is not over");
      this.#now = Math.max(this.#now, event.at);
      if (event.label !== "")
        this.note(event.owner === undefined ? event.label : `${event.owner.name}: ${event.label}`);
      await event.act();
    }
  }

  /**
   * Lets all promises that are ready run. Nothing in the system waits for anything but events here and promises that follow from them, so two
   * turns of the event loop in which nothing new came up are the end of it; what came later would be noticed in `outside`.
   */
  async #settle(): Promise<void> {
    for (let still = 0; still < 2;) {
      const before = this.#registered;
      await new Promise((resolve) => setImmediate(resolve));
      still = before === this.#registered ? still + 1 : 0;
    }
  }

  #takeNext(): Event | undefined {
    for (;;) {
      let best: Event | undefined;
      for (const event of this.#events) {
        if (best === undefined || event.at < best.at || (event.at === best.at && event.order < best.order))
          best = event;
      }
      if (best === undefined) return undefined;
      const { owner } = best;
      if (owner !== undefined && !owner.hasCrashed && owner.frozenUntil > Math.max(best.at, this.#now)) {
        best.at = owner.frozenUntil;
        continue;
      }
      this.#events.splice(this.#events.indexOf(best), 1);
      if (!owner?.hasCrashed) return best;
    }
  }
}
