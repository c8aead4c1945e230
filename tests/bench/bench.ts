import { leaveOnSignal } from "@shop/local/leave-on-signal";
import { SetupError } from "@shop/local/setup-error";
import { availableParallelism } from "node:os";
import { appendResults, codeOfToday } from "../results/results.ts";
import { writeTables } from "../results/tables.ts";
import { REPOSITORY } from "../guards/repository.ts";
import { startDriver } from "./driver/driver.ts";
import { measureApart } from "./measure/apart.ts";
import { measure } from "./measure/run.ts";
import { type BenchOptions, helpLines, readOptions } from "./options.ts";
import { recordsOf } from "./report/records.ts";
import { pageOf } from "./report/page.ts";
import { apartLines, comparisonLines, linesOf } from "./report/terminal.ts";
import { profileLines, profileSettings } from "./profile.ts";
import { addFinishedOrders } from "./stage/finished.ts";
import { startProduct } from "./stage/product-side.ts";
import { startReference } from "./stage/reference-side.ts";
import { checkOut } from "./stage/revision.ts";

const say = (line: string) => void process.stdout.write(`${line}\n`);

/** Ends what was started, the newest first. */
const started: (() => Promise<void>)[] = [];
async function stopAll(): Promise<void> {
  for (let stop = started.pop(); stop !== undefined; stop = started.pop()) await stop();
}
leaveOnSignal(stopAll, say);

async function bench(options: BenchOptions): Promise<void> {
  const { orders, inFlight, partitions, rounds, backlog, finished, json, html, profile } = options;
  const code = await codeOfToday();
  const words = process.argv.slice(2).filter((word) => word !== "--record");
  const command = ["bun run bench", ...words].join(" ");
  const base = options.compare === undefined ? undefined : await checkOut(REPOSITORY, options.compare);
  if (base !== undefined) started.push(() => base.remove());
  const driver = startDriver();
  started.push(() => driver.stop());

  say("Starting the reference");
  const reference = await startReference(partitions, say);
  started.push(() => reference.stop());
  const start = async (name: string, root: string, settings: Readonly<Record<string, string>> = {}) => {
    say(`Starting the ${name}`);
    const side = await startProduct({ name, root, partitions, settings, onLine: say });
    started.push(() => side.stop());
    return side;
  };
  const product = await start("product", REPOSITORY, profile === undefined ? {} : profileSettings(profile));
  const others = base === undefined ? [] : [await start(`base ${base.commit}`, base.root)];

  say(`${rounds} rounds of ${orders} orders, ${inFlight} in flight`);
  const warmedUp = async () => {
    if (finished === 0) return;
    say(`Adding ${finished} finished orders`);
    for (const { servers } of [product, ...others]) await addFinishedOrders(servers, finished);
  };
  const results = await measure(driver, reference, [product, ...others], { ...options, warmedUp }, say);
  for (const line of linesOf(results)) say(line);
  const [, own, other] = results;
  if (own !== undefined && other !== undefined) for (const line of comparisonLines(own, other)) say(line);
  const apart = backlog === 0 ? undefined : await measureApart(driver, product, backlog, inFlight);
  if (apart !== undefined) for (const line of apartLines(apart)) say(line);
  for (const side of [reference, product, ...others]) await side.verify();
  say("Every order had each of its effects once.");

  if (json !== undefined) {
    const run = { ...code, command, cores: availableParallelism(), sides: results, apart };
    await Bun.write(json, `${JSON.stringify(run, undefined, 2)}\n`);
  }
  if (html !== undefined)
    await Bun.write(html, pageOf(`${command}, ${code.commit ?? "no commit"}, ${code.date}`, results));
  if (options.record) {
    await appendResults("bench", recordsOf({ ...code, command }, results, apart));
    await writeTables();
  }
  if (profile === undefined) return;
  // The services write their profiles when they end.
  await stopAll();
  for (const line of await profileLines(profile)) say(line);
}

try {
  const options = readOptions(process.argv.slice(2));
  if (options === undefined) for (const line of helpLines()) say(line);
  else await bench(options);
} catch (error) {
  say(error instanceof SetupError ? error.message : String(error instanceof Error ? error.stack : error));
  process.exitCode = 1;
} finally {
  await stopAll();
}
process.exit();
