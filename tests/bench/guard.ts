import { parseArgs } from "node:util";
import { appendResults, codeOfToday } from "../results/results.ts";
import { writeTables } from "../results/tables.ts";
import { measureCost } from "./guard/cost.ts";
import { median } from "./measure/latency.ts";

/** Measures what the guard of CI measures (tests/bench/guard), several times, so that its spread is seen; with `--record` it sets what CI is held to. */
const { values } = parseArgs({
  options: {
    times: { type: "string", default: "5" },
    /** Appends the median to docs/results/bench.jsonl, and renders docs/performance.md. */
    record: { type: "boolean", default: false },
  },
});
const say = (line: string) => void process.stdout.write(`${line}\n`);
const costs: number[] = [];
for (let time = 0; time < Number(values.times); time += 1) {
  const startedAt = performance.now();
  const cost = await measureCost(() => undefined);
  costs.push(cost);
  say(
    `${cost.toFixed(2)} times the reference's CPU per order, in ${((performance.now() - startedAt) / 1_000).toFixed(0)} s`,
  );
}
const figures = {
  median: median(costs).toFixed(2),
  "of the runs": `${Math.min(...costs).toFixed(2)} to ${Math.max(...costs).toFixed(2)}`,
};
say(`median ${figures.median}, ${figures["of the runs"]}`);
if (values.record) {
  const command = `bun tests/bench/guard.ts --times ${values.times}`;
  const what = "CPU per order to its delivery, of the reference's";
  await appendResults("bench", [{ ...(await codeOfToday()), command, group: "guard", what, figures }]);
  await writeTables();
}
process.exit();
