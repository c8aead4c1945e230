import { expect, test } from "bun:test";
import type { Clock } from "./clock.ts";
import { every } from "./every.ts";

/** What `runs` lead to, one after the other; the last one aborts the signal. */
async function played(interval: Parameters<typeof every>[0], runs: readonly (() => number | void)[]) {
  let now = 0;
  const pauses: number[] = [];
  const failures: unknown[] = [];
  const stopping = new AbortController();
  const clock: Clock = {
    now: () => now,
    elapsed: () => now,
    sleep: (ms) => {
      pauses.push(ms);
      now += ms;
      return Promise.resolve();
    },
  };
  const waiting = runs.values();
  let left = runs.length;
  await every(
    interval,
    { clock, signal: stopping.signal },
    () => {
      // As long as it has been said to take.
      now += 30;
      left -= 1;
      if (left === 0) stopping.abort();
      return Promise.try(waiting.next().value ?? (() => undefined));
    },
    (error) => failures.push(error),
  );
  return { pauses, failures, left };
}

test("work is repeated after the interval until it is aborted, and a run that fails is told and repeated", async () => {
  const failure = new Error("unavailable");
  const runs = [
    () => undefined,
    () => {
      throw failure;
    },
    () => undefined,
  ];
  expect(await played(500, runs)).toEqual({ pauses: [500, 500, 500], failures: [failure], left: 0 });
});

test("a run that leaves something to do is followed by the next one at once, and may ask for a pause of its own", async () => {
  expect(await played(500, [() => 0, () => 70, () => undefined])).toMatchObject({ pauses: [70, 500], left: 0 });
});

test("an interval may grow with the time that a run took, also when it failed", async () => {
  const runs = [
    () => undefined,
    () => {
      throw new Error("timed out");
    },
  ];
  expect(await played((tookMs) => tookMs * 19, runs)).toMatchObject({ pauses: [570, 570] });
});

test("nothing is run when the signal has been aborted before", async () => {
  let runs = 0;
  const clock: Clock = { now: () => 0, elapsed: () => 0, sleep: () => Promise.resolve() };
  const work = () => {
    runs += 1;
    return Promise.resolve();
  };
  await every(1, { clock, signal: AbortSignal.abort() }, work, () => undefined);
  expect(runs).toBe(0);
});
