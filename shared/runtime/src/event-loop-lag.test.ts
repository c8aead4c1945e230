import { afterEach, expect, test } from "bun:test";
import { type EventLoopLag, watchEventLoopLag } from "./event-loop-lag.ts";

let eventLoopLag: EventLoopLag;
afterEach(() => eventLoopLag.stop());

/** Gives nothing else a turn meanwhile. */
function occupy(ms: number): void {
  const untilMs = performance.now() + ms;
  while (performance.now() < untilMs);
}

test("a process that has had no time for a while knows how long, while it lasts and in its next turn, until it is on time again", async () => {
  eventLoopLag = watchEventLoopLag();
  occupy(400);
  expect(eventLoopLag.nowMs()).toBeGreaterThanOrEqual(350);
  await Bun.sleep(0);
  expect(eventLoopLag.nowMs()).toBeGreaterThanOrEqual(350);
  while (eventLoopLag.nowMs() >= 100) await Bun.sleep(10);
  expect(eventLoopLag.worstMs()).toBeGreaterThanOrEqual(350);
});
