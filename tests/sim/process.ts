import type { Clock } from "@shop/runtime/clock";
import type { IdSource } from "@shop/runtime/ids";
import type { Owner, Scheduler } from "./scheduler.ts";

/** One life of one replica: from its start to its crash or its stop. What it has in memory goes with it. */
export class Process implements Owner {
  readonly name: string;
  frozenUntil = 0;
  /** By how much its clock is wrong, in milliseconds. */
  clockOffsetMs = 0;
  #hasCrashed = false;
  readonly #onCrash: (() => void)[] = [];

  constructor(name: string) {
    this.name = name;
  }

  get hasCrashed(): boolean {
    return this.#hasCrashed;
  }

  /** From now on nothing happens in it: what it waits for never comes, and nobody else waits for it. */
  crash(): void {
    if (this.#hasCrashed) return;
    this.#hasCrashed = true;
    for (const tell of this.#onCrash) tell();
  }

  onCrash(tell: () => void): void {
    this.#onCrash.push(tell);
  }
}

/** The clock of a process. */
export function clockOf(process: Process, scheduler: Scheduler): Clock {
  const startedAt = scheduler.now;
  return {
    now: () => scheduler.timeOfDay + process.clockOffsetMs,
    elapsed: () => scheduler.now - startedAt,
    sleep: (ms, signal) =>
      new Promise((resolve) => {
        if (signal?.aborted) {
          resolve();
          return;
        }
        const cancel = scheduler.after(ms >= 100 ? Math.max(ms, scheduler.leastSleepMs) : ms, process, "", () => {
          signal?.removeEventListener("abort", abort);
          resolve();
        });
        const abort = () => {
          cancel();
          resolve();
        };
        signal?.addEventListener("abort", abort, { once: true });
      }),
  };
}

/** UUIDv7 by the simulated time and the seed. */
export function seededIds(scheduler: Scheduler): IdSource {
  let lastMs = 0;
  let count = 0;
  const hex = (value: number, digits: number) => value.toString(16).padStart(digits, "0");
  return () => {
    const ms = scheduler.timeOfDay;
    count = ms === lastMs ? count + 1 : 0;
    lastMs = ms;
    const time = hex(ms, 12);
    const tail = hex(Math.floor(scheduler.random() * 2 ** 32), 8) + hex(Math.floor(scheduler.random() * 2 ** 16), 4);
    return `${time.slice(0, 8)}-${time.slice(8)}-7${hex(count & 0xfff, 3)}-8${tail.slice(0, 3)}-${tail.slice(0, 12)}`;
  };
}
