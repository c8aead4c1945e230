import { expect, test } from "bun:test";
import { highestCost, measureCost } from "./cost.ts";

/** One run may be unlucky; three in a row that all are too dear are no chance. */
const ATTEMPTS = 3;
/** Each brings up two systems with servers of their own; several times what a slow machine needs. */
const TIMEOUT_MS = 900_000;

test(
  "an order costs at most half as much CPU again, in parts of the bare pipeline's, as when it was last recorded",
  async () => {
    const highest = await highestCost();
    const lines: string[] = [];
    const costs: number[] = [];
    while (costs.length < ATTEMPTS && !costs.some((cost) => cost <= highest)) {
      costs.push(await measureCost((line) => lines.push(line)));
      process.stdout.write(
        `${costs.at(-1)?.toFixed(2)} times the reference's CPU per order, at most ${highest.toFixed(2)}\n`,
      );
    }
    expect(Math.min(...costs), lines.slice(-40).join("\n")).toBeLessThanOrEqual(highest);
  },
  TIMEOUT_MS,
);
