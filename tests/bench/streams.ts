import { readFile } from "node:fs/promises";
import { parseArgs } from "node:util";
import { eventually } from "@shop/testing/eventually";
import { type EventWatcher, watchEvents } from "../support/event-watcher.ts";
import { tokenOf } from "../support/requests.ts";
import { newProduct, placeOrder, startTestSystem } from "../support/test-system.ts";
import { appendResults, type BenchResult, codeOfToday } from "../results/results.ts";
import { writeTables } from "../results/tables.ts";
import { atMost } from "./load.ts";

/**
 * The memory of frontend, gateway and order with as many event streams open as one process takes: streams of one order service process, through both hops.
 * Printed before, with half of them, with all of them, and when all have left.
 */
const { values } = parseArgs({
  options: {
    streams: { type: "string", default: "2000" },
    /** Appends what was measured to docs/results/bench.jsonl, and renders docs/performance.md. */
    record: { type: "boolean", default: false },
  },
});
const streams = Number(values.streams);
const WATCHED = ["frontend", "gateway", "order"] as const;
const ORDERS = 100;

const say = (line: string) => void process.stdout.write(`${line}\n`);
const shop = await startTestSystem({
  settings: {
    MAX_EVENT_STREAMS: String(streams),
    MAX_EVENT_STREAMS_PER_USER: String(streams),
    MAX_EVENT_STREAMS_PER_ORDER: String(streams),
    BUN_CONFIG_MAX_HTTP_REQUESTS: "16384",
  },
});

/** What each process held, in MB, by its name and the label of the moment. */
const held = new Map<string, Map<string, number>>(WATCHED.map((name) => [name, new Map()]));

/** What each process holds, in MB, and how many streams it has by its own count. */
async function show(label: string): Promise<void> {
  const parts = WATCHED.map(async (name) => {
    const { pids, managementUrl } = shop.system.services[name];
    const status = await readFile(`/proc/${pids()[0]}/status`, "utf8");
    const metrics = await (await fetch(`${managementUrl}/metrics`)).text();
    const megabytes = Math.round(Number(/VmRSS:\s+(\d+)/.exec(status)?.[1]) / 1_024);
    held.get(name)?.set(label, megabytes);
    return `${name} ${megabytes} MB with ${/^event_streams (\d+)$/m.exec(metrics)?.[1]}`;
  });
  say(`${label.padEnd(12)} ${(await Promise.all(parts)).join(", ")}`);
}

async function record(): Promise<void> {
  const results = [...held].map(([what, at]): BenchResult => {
    const mb = (label: string) => at.get(label) ?? Number.NaN;
    const kilobytes = Math.round(((mb("all") - mb("none")) * 1_024) / streams);
    const figures = {
      ...{ without: `${mb("none")} MB`, "with half": `${mb("half")} MB`, "with all": `${mb("all")} MB` },
      "a stream": `${kilobytes} kB`,
    };
    return { ...code, command: `bun tests/bench/streams.ts --streams ${streams}`, group: "streams", what, figures };
  });
  await appendResults("bench", results);
  await writeTables();
}

const code = await codeOfToday();
const customer = await shop.logIn("customer");
const token = await tokenOf(shop.system.frontendUrl, "customer");
const product = await newProduct(shop, 100_000);
const orders = await atMost(8, Array.from({ length: ORDERS }), async () => (await placeOrder(customer, product, 1)).id);
const watchers: EventWatcher[] = [];

async function open(count: number): Promise<void> {
  const ids = Array.from({ length: count }, (_, index) => orders[index % ORDERS] ?? "");
  await atMost(32, ids, async (id) => {
    const watcher = watchEvents(shop.system.frontendUrl, id, token);
    watchers.push(watcher);
    await eventually(() => {
      if (watcher.events.length === 0) throw new Error(`no event: ${watcher.statusLine()}`);
    });
  });
  // Several comments have gone out.
  await Bun.sleep(20_000);
}

await show("none");
await open(streams / 2);
await show("half");
await open(streams / 2);
await show("all");
const refused = watchEvents(shop.system.frontendUrl, orders[0] ?? "", token);
await eventually(() => {
  if (refused.statusLine() === "") throw new Error("no answer");
});
say(`one more:    ${refused.statusLine()}`);
for (const watcher of [...watchers, refused]) watcher.leave();
await Bun.sleep(5_000);
await show("left");
if (values.record) await record();
await shop.stop();
process.exit(0);
