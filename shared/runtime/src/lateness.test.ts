import { afterEach, expect, test } from "bun:test";
import { type Lateness, watchLateness } from "./lateness.ts";

let lateness: Lateness;
afterEach(() => lateness.stop());

/** Gives nothing else a turn meanwhile. */
function occupy(ms: number): void {
  const untilMs = performance.now() + ms;
  while (performance.now() < untilMs);
}

test("a process that has had no time for a while knows how long, while it lasts and in its next turn, until it is on time again", async () => {
  lateness = watchLateness();
  occupy(400);
  expect(lateness.nowMs()).toBeGreaterThanOrEqual(350);
  await Bun.sleep(0);
  expect(lateness.nowMs()).toBeGreaterThanOrEqual(350);
  while (lateness.nowMs() >= 100) await Bun.sleep(10);
  expect(lateness.worstMs()).toBeGreaterThanOrEqual(350);
});
