import type { Clock } from "@shop/runtime/clock";
import { UnavailableError } from "../request/errors.ts";

interface Deadline {
  readonly ms: number;
  readonly clock: Clock;
  /** What is being done, for the error. */
  readonly name: string;
  /** Called when the time is over and the work is not done. */
  readonly onLate: () => void;
  /** Told of a fault that came after the deadline, when nobody waits for the work any more. */
  readonly onLateFault: (error: unknown) => void;
}

/**
 * What `work` gives, unless that takes longer than `ms`: then its caller hears so, while the work itself goes on unless `onLate` ends it.
 * @throws UnavailableError when the time is over
 */
export function withDeadline<Value>(
  work: Value | Promise<Value>,
  { ms, clock, name, onLate, onLateFault }: Deadline,
): Value | Promise<Value> {
  if (!(work instanceof Promise)) return work;
  return new Promise<Value>((resolve, reject) => {
    const done = new AbortController();
    let late = false;
    void clock.sleep(ms, done.signal).then(() => {
      if (done.signal.aborted) return;
      late = true;
      onLate();
      reject(new UnavailableError(`${name} was not done after ${ms} ms`));
    });
    work.then(
      (value) => {
        done.abort();
        resolve(value);
      },
      (error: unknown) => {
        done.abort();
        if (late) onLateFault(error);
        else reject(error);
      },
    );
  });
}
