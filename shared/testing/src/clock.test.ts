import { expect, test } from "bun:test";
import { ManualClock } from "./clock.ts";

test("sleepers wake in the order of their times, each at its own time", async () => {
  const clock = new ManualClock(0);
  const woken: string[] = [];
  const sleeping = [
    clock.sleep(300).then(() => woken.push(`late ${clock.now()}`)),
    clock.sleep(100).then(() => woken.push(`early ${clock.now()}`)),
  ];
  await clock.advance(299);
  expect(woken).toEqual(["early 100"]);
  expect(clock.now()).toBe(299);
  await clock.advance(1);
  await Promise.all(sleeping);
  expect(woken).toEqual(["early 100", "late 300"]);
});

test("a loop that sleeps again within the span wakes as often as its pause fits in", async () => {
  const clock = new ManualClock(0);
  const stop = new AbortController();
  const rounds: number[] = [];
  const loop = (async () => {
    while (!stop.signal.aborted) {
      await clock.sleep(10, stop.signal);
      rounds.push(clock.now());
    }
  })();
  await clock.advance(35);
  expect(rounds).toEqual([10, 20, 30]);
  stop.abort();
  await loop;
  expect(clock.sleeperCount).toBe(0);
});

test("an aborted sleep ends at once and an already aborted one does not begin", async () => {
  const clock = new ManualClock(0);
  const stop = new AbortController();
  const sleeping = clock.sleep(1_000, stop.signal);
  stop.abort();
  await sleeping;
  await clock.sleep(1_000, stop.signal);
  expect(clock.sleeperCount).toBe(0);
});

test("setting the time of day changes what time it is, and neither what has elapsed nor who wakes when", async () => {
  const clock = new ManualClock(1_000_000);
  let woken = false;
  const sleeping = clock.sleep(100).then(() => (woken = true));
  clock.setTimeOfDay(-3_600_000);
  await clock.advance(99);
  expect([clock.now(), clock.elapsed(), woken]).toEqual([1_000_099 - 3_600_000, 99, false]);
  await clock.advance(1);
  await sleeping;
});
