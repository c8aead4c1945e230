/** The time and the waiting of a process: injected, so that a test can hold and skip it. */
export interface Clock {
  /** Milliseconds since the epoch: the time of day, which an operator or a time server may set back or forward. */
  now(): number;
  /** Milliseconds since some moment, the same for as long as the process runs: for how long something takes, whatever is done to the time of day. */
  elapsed(): number;
  /** Resolves after `ms`, or as soon as `signal` is aborted; it never rejects. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
}

export const systemClock: Clock = {
  now: () => Date.now(),
  elapsed: () => performance.now(),
  sleep: (ms, signal) =>
    new Promise((resolve) => {
      if (signal?.aborted) {
        resolve();
        return;
      }
      const finish = () => {
        clearTimeout(timer);
        signal?.removeEventListener("abort", finish);
        resolve();
      };
      const timer = setTimeout(finish, ms);
      signal?.addEventListener("abort", finish, { once: true });
    }),
};

/** The clock's time as RFC 3339 UTC with milliseconds. */
export function instant(clock: Clock): string {
  return new Date(clock.now()).toISOString();
}
