import type { Clock } from "@shop/runtime/clock";

interface Sleeper {
  readonly wakeAt: number;
  readonly wake: () => void;
}

/** A clock that stands still until a test moves it. */
export class ManualClock implements Clock {
  readonly #startAt: number;
  #now: number;
  /** By how much the time of day was set, in milliseconds. */
  #setBy = 0;
  #sleepers: Sleeper[] = [];

  /** @param startAt milliseconds since the epoch; 2026-01-01T00:00:00Z by default */
  constructor(startAt: number = Date.UTC(2026, 0, 1)) {
    this.#startAt = startAt;
    this.#now = startAt;
  }

  /** How many wait on this clock: a test waits for it to grow before it moves the clock. */
  get sleeperCount(): number {
    return this.#sleepers.length;
  }

  now(): number {
    return this.#now + this.#setBy;
  }

  elapsed(): number {
    return this.#now - this.#startAt;
  }

  /** Sets the time of day forward, or back by less than 0, as an operator or a time server does: no time passes by it. */
  setTimeOfDay(byMs: number): void {
    this.#setBy += byMs;
  }

  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      if (signal?.aborted || ms <= 0) {
        resolve();
        return;
      }
      const wake = () => {
        this.#sleepers = this.#sleepers.filter((other) => other !== sleeper);
        signal?.removeEventListener("abort", wake);
        resolve();
      };
      const sleeper: Sleeper = { wakeAt: this.#now + ms, wake };
      this.#sleepers.push(sleeper);
      signal?.addEventListener("abort", wake, { once: true });
    });
  }

  /**
   * Moves the clock on. Anyone who is due wakes at their own time, in order, and what they do is given a turn before the clock moves on, so that a
   * loop which sleeps again within this span wakes again within it.
   */
  async advance(ms: number): Promise<void> {
    const target = this.#now + ms;
    for (;;) {
      const next = this.#sleepers.toSorted((one, other) => one.wakeAt - other.wakeAt)[0];
      if (next === undefined || next.wakeAt > target) break;
      this.#now = Math.max(this.#now, next.wakeAt);
      next.wake();
      await turn();
    }
    this.#now = target;
    await turn();
  }
}

/** Lets all promises that are ready run, and what the event loop has at hand. */
function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
