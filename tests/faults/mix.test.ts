import { expect, test } from "bun:test";
import { join } from "node:path";
import { mixOf } from "../chaos/all-faults.ts";
import { commandFor, describe, kept, type Outcome } from "../chaos/report.ts";
import { runPlan } from "../chaos/run.ts";

/** The same on every machine and every day, so that what fails is the commit. The day's own is run by `bun run chaos --mix`. */
const SEED = 20_261_130;
/** Turns of about half of the faults of the mix. */
const FOR_MS = 60_000;

test("under turns of the faults that mix, nothing is lost and nothing is done twice", async () => {
  const plan = mixOf(SEED, FOR_MS);
  const folder = join(import.meta.dir, "../../.data/chaos/mix");
  process.stdout.write(`  as \`${commandFor(plan)}\`\n`);
  const startedAt = performance.now();
  const result = await runPlan(plan, folder, () => undefined);
  const outcome: Outcome = { of: plan, kind: "run", result, tookMs: performance.now() - startedAt };
  expect(kept(outcome), describe(outcome, folder).join("\n")).toBe(true);
}, 900_000);
