import { join } from "node:path";
import { testPostgresUrl } from "@shop/testing/infrastructure";
import { leaveOnSignal } from "@shop/local/leave-on-signal";
import { appendResults, codeOfToday, type MistakeResult } from "../../results/results.ts";
import type { Hunted } from "./hunt.ts";
import { MISTAKES } from "./mistakes.ts";

type Surveyed = Pick<MistakeResult, "name" | "seeds" | "played" | "rules">;

const AT_ONCE = 2;

/** Plays ordinary seeds with a mistake made, in a process of its own: a module that is loaded cannot be loaded again with another one. */
async function survey(name: string, seeds: number, postgresUrl: string): Promise<Surveyed> {
  const hunting = Bun.spawn([process.execPath, join(import.meta.dir, "hunt.ts"), name, String(seeds)], {
    env: { ...process.env, TEST_POSTGRES_URL: postgresUrl },
    stderr: "inherit",
  });
  const said = await new Response(hunting.stdout).text();
  const { seed, rules }: Hunted = JSON.parse(said.trim().split("\n").at(-1) ?? "null");
  return { name, seeds: seed, played: seed ?? seeds, rules: [...rules] };
}

/** `bun tests/sim/seeded/survey.ts [SEEDS [NAME...]]`: appends a result for each mistake, or for those named, to those that are kept. */
const [, , seeds = "200", ...names] = process.argv;
const surveyedOnes = names.length === 0 ? MISTAKES : MISTAKES.filter(({ name }) => names.includes(name));
if (surveyedOnes.length < names.length) throw new Error(`there is no such mistake: one of ${names.join(", ")}`);
const code = await codeOfToday();
leaveOnSignal(
  () => Promise.resolve(),
  (line) => void process.stderr.write(`${line}\n`),
);
const postgresUrl = await testPostgresUrl();
const waiting = surveyedOnes.values();
await Promise.all(
  Array.from({ length: AT_ONCE }, async () => {
    for (const { name } of waiting) {
      const surveyed = await survey(name, Number(seeds), postgresUrl);
      process.stdout.write(`${JSON.stringify(surveyed)}\n`);
      await appendResults("mistakes", [{ ...code, ...surveyed }]);
    }
  }),
);
process.exit(0);
