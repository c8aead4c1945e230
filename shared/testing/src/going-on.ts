import type { ManualClock } from "./clock.ts";
import { eventually } from "./eventually.ts";

/**
 * Lets three hours pass for loops that sleep on this clock, and on nothing else, between their looks at something.
 * @returns how many of them are not over by then
 */
export async function goingOn(clock: ManualClock, loops: readonly Promise<unknown>[]): Promise<number> {
  let over = 0;
  const end = () => {
    over += 1;
  };
  for (const loop of loops) loop.then(end, end);
  for (let hour = 0; hour < 3; hour += 1) {
    await eventually(() => {
      if (clock.sleeperCount + over < loops.length) throw new Error("a loop has not come to the end of its look");
    });
    await clock.advance(3_600_000);
  }
  return loops.length - over;
}
