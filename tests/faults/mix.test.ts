import { expect, test } from "bun:test";
import { join } from "node:path";
import { mixOf } from "../chaos/catalogue.ts";
import { seedOf } from "../chaos/options.ts";
import { commandFor, describe, kept, type Outcome } from "../chaos/report.ts";
import { runPlan } from "../chaos/run.ts";

/** Turns of about half of the faults of the mix. */
const FOR_MS = 60_000;

test("under turns of the faults that mix, in an order that changes daily, nothing is lost and nothing is done twice", async () => {
  const plan = mixOf(seedOf(new Date()), FOR_MS);
  const folder = join(import.meta.dir, "../../.data/chaos/mix");
  process.stdout.write(`  as \`${commandFor(plan)}\`\n`);
  const startedAt = performance.now();
  const result = await runPlan(plan, folder, () => undefined);
  const outcome: Outcome = { of: plan, kind: "run", result, tookMs: performance.now() - startedAt };
  expect(kept(outcome), describe(outcome, folder).join("\n")).toBe(true);
}, 280_000);
