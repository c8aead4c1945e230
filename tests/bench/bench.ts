import type { Shop } from "@shop/client/shop";
import { readFile } from "node:fs/promises";
import { parseArgs } from "node:util";
import { readBooks } from "@shop/local/books";
import { tapMessages } from "@shop/local/demo/message-tap";
import { enter } from "@shop/local/demo/enter";
import { until } from "@shop/local/demo/story";
import { startSystem, type System } from "@shop/local/system";
import postgres from "postgres";
import { untilAnswered } from "../support/until-answered.ts";
import { atMost, customers, percentile } from "./load.ts";
import { type BenchGroup, type BenchResult, appendResults, codeOfToday } from "../results/results.ts";
import { writeTables } from "../results/tables.ts";
import { pgbenchOrders, type Yardstick } from "./pgbench.ts";

const { values } = parseArgs({
  options: {
    orders: { type: "string", default: "2000" },
    "in-flight": { type: "string", default: "64" },
    unloaded: { type: "string", default: "200" },
    rounds: { type: "string", default: "3" },
    /** As many orders are waiting when the saga begins; 0 leaves that out. */
    backlog: { type: "string", default: "2000" },
    /** Appends what was measured to docs/results/bench.jsonl, and renders docs/performance.md. */
    record: { type: "boolean", default: false },
  },
});
const orders = Number(values.orders);
const inFlight = Number(values["in-flight"]);
const unloaded = Number(values.unloaded);
const rounds = Number(values.rounds);
const backlog = Number(values.backlog);
const code = await codeOfToday();
const command = ["bun run bench", ...process.argv.slice(2).filter((argument) => argument !== "--record")].join(" ");
const measured: BenchResult[] = [];

const say = (line: string) => void process.stdout.write(`${line}\n`);
const perSecond = (items: number, ms: number) => Math.round((items * 1_000) / ms);
const deliveryAddress = "1 Sejong-daero, Jung-gu, Seoul";

/** Keeps a row of a table. */
function keep(group: BenchGroup, what: string, figures: Readonly<Record<string, string>>): void {
  measured.push({ ...code, command, group, what, figures });
}

/** @returns the parts of what pgbench does, for a person */
function keepRate(what: string, rate: number, yardstick: Yardstick | undefined): string {
  const parts = yardstick && { "of single": part(rate, yardstick.single), "of grouped": part(rate, yardstick.grouped) };
  keep("load", what, { "per second": String(rate), ...parts });
  return parts === undefined ? "" : `; ${parts["of single"]} of single, ${parts["of grouped"]} of grouped`;
}

const part = (rate: number, of: number) => (rate / of).toFixed(2);

function sayYardstick(yardstick: Yardstick | undefined): void {
  say(
    yardstick === undefined
      ? "  pgbench is not installed: no ratios"
      : `  pgbench, the same two inserts: single, 32 clients ${Math.round(yardstick.single)} orders per s; 32 a transaction, 2 clients ${Math.round(yardstick.grouped)} orders per s`,
  );
}

/** A whole phase takes minutes on a machine that is busy; it ends what hangs. */
const PHASE_WITHIN_MS = 900_000;

/** Looks until a number is as large as it is to become. */
async function untilAtLeast(what: string, least: number, ask: () => Promise<number>): Promise<void> {
  const deadline = performance.now() + PHASE_WITHIN_MS;
  for (let n = await ask(); n < least; n = await ask()) {
    if (performance.now() > deadline) throw new Error(`${what}: ${n} of ${least} after ${PHASE_WITHIN_MS / 1_000} s`);
    await Bun.sleep(5);
  }
}

/** Messages that have been seen, to be waited for before or after they were. */
class Seen {
  readonly #messages = new Map<string, PromiseWithResolvers<void>>();

  #of(type: string, key: string): PromiseWithResolvers<void> {
    const name = `${type} ${key}`;
    const known = this.#messages.get(name) ?? Promise.withResolvers<void>();
    this.#messages.set(name, known);
    return known;
  }

  hear(type: string, key: string): void {
    this.#of(type, key).resolve();
  }

  once(type: string, key: string): Promise<void> {
    return this.#of(type, key).promise;
  }
}

async function count(url: string | undefined, query: string): Promise<number> {
  const client = postgres(url ?? "", { max: 1 });
  try {
    const [row] = await client.unsafe<{ n: number }[]>(query);
    return row?.n ?? 0;
  } finally {
    await client.end();
  }
}

/** On a machine that is busy with other work a call is refused now and then: it is made again, with its key, and its time goes on. */
async function order(shop: Shop, productId: string): Promise<string> {
  const idempotencyKey = crypto.randomUUID();
  const items = [{ productId, quantity: 1 }];
  return (await untilAnswered(() => shop.createOrder({ items, deliveryAddress }, { idempotencyKey }))).id;
}

/** Milliseconds of CPU that each process has used so far, and what it holds in memory, in MB. */
async function usage(system: System): Promise<ReadonlyMap<string, { cpuMs: number; memoryMb: number }>> {
  const result = new Map<string, { cpuMs: number; memoryMb: number }>();
  for (const [name, service] of Object.entries(system.services)) {
    for (const pid of service.pids()) {
      const stat = (await readFile(`/proc/${pid}/stat`, "utf8")).split(") ")[1]?.split(" ") ?? [];
      const status = await readFile(`/proc/${pid}/status`, "utf8");
      result.set(name, {
        cpuMs: (Number(stat[11]) + Number(stat[12])) * 10,
        memoryMb: Math.round(Number(/VmRSS:\s+(\d+)/.exec(status)?.[1]) / 1024),
      });
    }
  }
  return result;
}

/** How many messages each service applied with one transaction, on average since its start. */
async function batchSizes(system: System): Promise<string> {
  const sizes: string[] = [];
  for (const [name, { managementUrl }] of Object.entries(system.services)) {
    const metrics = await (await fetch(`${managementUrl}/metrics`)).text();
    const read = (metric: string) => Number(new RegExp(`^${metric} (\\d+)`, "m").exec(metrics)?.[1] ?? Number.NaN);
    const size = read("consumer_records_total") / read("consumer_batches_total");
    if (!Number.isNaN(size)) sizes.push(`${name} ${size.toFixed(1)}`);
  }
  return sizes.join(", ");
}

interface Parts {
  readonly place: (worker: number) => Promise<string>;
  readonly pendingDeliveries: () => Promise<number>;
}

/**
 * The intake while the saga's services are down, and then the saga on the backlog that this leaves, without any requests beside it. Product and delivery
 * are up and ready before the orchestrator is started, which alone can handle the backlog's first message. So nothing of the backlog is handled before
 * the clock starts: at the beginning of the transaction that handles the first of it, as PostgreSQL tells it (`handled_at` is its `now()`). The time from
 * before the orchestrator's process starts is told beside it.
 */
async function measureApart(system: System, { place, pendingDeliveries }: Parts): Promise<void> {
  const { supervisor } = system;
  const before = await pendingDeliveries();
  for (const name of ["orchestrator", "product", "delivery"]) await supervisor.kill(name, "SIGTERM");
  const startedAt = performance.now();
  await atMost(inFlight, Array.from({ length: backlog }), (_, worker) => place(worker));
  const intake = perSecond(backlog, performance.now() - startedAt);
  const yardstick = await pgbenchOrders(system.databaseUrls.get("order") ?? "", 3);
  for (const name of ["product", "delivery"]) await supervisor.restart(name);
  if ((await pendingDeliveries()) !== before) throw new Error("the backlog was handled before it was to be");
  const beginsAt = Date.now();
  await supervisor.restart("orchestrator");
  await untilAtLeast("the backlog", before + backlog, pendingDeliveries);
  const endedAt = Date.now();
  const firstAt = await count(
    system.databaseUrls.get("orchestrator"),
    `select (extract(epoch from min(handled_at)) * 1000)::float8 as n from inbox where handled_at >= to_timestamp(${beginsAt} / 1000.0)`,
  );
  const saga = perSecond(backlog, endedAt - firstAt);
  say(`Apart from each other, ${backlog} orders`);
  sayYardstick(yardstick);
  const placed = keepRate("`POST /api/orders` while the saga's services are down", intake, yardstick);
  say(`  POST /api/orders while the saga's services are down ${intake} per s${placed}`);
  const made = keepRate(`order → delivery created, from a backlog of ${backlog}`, saga, yardstick);
  say(
    `  order → delivery created, from the backlog       ${saga} per s${made}; ${perSecond(backlog, endedAt - beginsAt)} per s with the start of the orchestrator`,
  );
}

async function measure(system: System): Promise<void> {
  const url = system.frontendUrl;
  const people = await customers(url, inFlight);
  const rider = await enter(url, "rider");
  const admin = await enter(url, "admin");
  const productIds = await atMost(8, Array.from({ length: 200 }), async (_, index) => {
    const product = { name: `Load ${index}`, price: 1_000, currency: "KRW", stock: 1_000_000 } as const;
    return (await untilAnswered(() => admin.createProduct(product))).id;
  });
  const orderDb = system.databaseUrls.get("order");
  const deliveryDb = system.databaseUrls.get("delivery");
  await until(
    "the catalogue",
    () => count(orderDb, "select count(*)::int as n from catalogue"),
    (n) => n >= productIds.length,
  );
  const any = () => productIds[Math.floor(Math.random() * productIds.length)] as string;
  const as = (worker: number) => people[worker % people.length] as Shop;

  say(`Warming up`);
  await atMost(inFlight, Array.from({ length: 1_000 }), (_, worker) => order(as(worker), any()));
  const pendingDeliveries = () => count(deliveryDb, "select count(*)::int as n from delivery where status = 'PENDING'");
  await untilAtLeast("the warm-up", 1_000, pendingDeliveries);

  for (let round = 1; round <= rounds; round += 1) {
    const before = await pendingDeliveries();
    const cpuBefore = await usage(system);
    const startedAt = performance.now();
    const latencies: number[] = [];
    const ids = await atMost(inFlight, Array.from({ length: orders }), async (_, worker) => {
      const at = performance.now();
      const id = await order(as(worker), any());
      latencies.push(performance.now() - at);
      return id;
    });
    const intakeMs = performance.now() - startedAt;
    await untilAtLeast("the deliveries", before + orders, pendingDeliveries);
    const sagaMs = performance.now() - startedAt;
    const cpuAfter = await usage(system);
    const cpu = [...cpuAfter].map(
      ([name, { cpuMs }]) => `${name} ${((cpuMs - (cpuBefore.get(name)?.cpuMs ?? 0)) / orders).toFixed(2)}`,
    );

    const client = postgres(deliveryDb ?? "", { max: 1 });
    const rows = await client<{ id: string }[]>`select id from delivery where order_id = any(${ids}::uuid[])`;
    await client.end();
    const completeStartedAt = performance.now();
    await atMost(inFlight, rows, async ({ id }) => {
      await untilAnswered(() => rider.completeDelivery(id));
    });
    const complete = () => count(orderDb, `select count(*)::int as n from orders where status = 'COMPLETE'`);
    await untilAtLeast("the completed orders", orders * round, complete);
    const completeMs = performance.now() - completeStartedAt;
    const yardstick = await pgbenchOrders(orderDb ?? "", 3);
    const [intake, saga, end] = [intakeMs, sagaMs, completeMs].map((ms) => perSecond(orders, ms)) as [
      number,
      number,
      number,
    ];
    say(`Round ${round}: ${orders} orders, ${inFlight} in flight`);
    sayYardstick(yardstick);
    const load = `${inFlight} in flight`;
    const placed = keepRate(`\`POST /api/orders\`, ${load}, the sagas of the same orders beside it`, intake, yardstick);
    say(
      `  POST /api/orders through frontend and gateway   ${intake} per s${placed}, p50 ${percentile(latencies, 0.5).toFixed(1)} ms, p99 ${percentile(latencies, 0.99).toFixed(1)} ms`,
    );
    say(
      `  order → delivery created                        ${saga} per s${keepRate(`order → delivery created, ${load}`, saga, yardstick)}`,
    );
    say(
      `  delivery complete → order COMPLETE              ${end} per s${keepRate(`delivery complete → order COMPLETE, ${load}`, end, yardstick)}`,
    );
    say(`  whole sagas                                     ${perSecond(orders, sagaMs + completeMs)} per s`);
    say(`  CPU per order to its delivery, ms               ${cpu.join(", ")}`);
  }

  if (backlog > 0) await measureApart(system, { place: (worker) => order(as(worker), any()), pendingDeliveries });
  say(`Records a transaction: ${await batchSizes(system)}`);
  const seen = new Seen();
  const tap = await tapMessages({
    brokers: system.kafkaBrokers,
    prefix: process.env["TOPIC_PREFIX"] ?? "",
    onMessage: ({ type, key }) => seen.hear(type, key),
  });
  const toDelivery: number[] = [];
  const toComplete: number[] = [];
  const client = postgres(deliveryDb ?? "", { max: 1 });
  for (let index = 0; index < unloaded; index += 1) {
    const at = performance.now();
    const id = await order(as(index), any());
    await seen.once("DeliveryCreated", id);
    toDelivery.push(performance.now() - at);
    const [delivery] = await client<{ id: string }[]>`select id from delivery where order_id = ${id}`;
    const completedAt = performance.now();
    const done = seen.once("OrderCompleted", id);
    await untilAnswered(() => rider.completeDelivery(delivery?.id ?? ""));
    await done;
    toComplete.push(performance.now() - completedAt);
  }
  await client.end();
  await tap.stop();
  say(`Unloaded, ${unloaded} orders one at a time, seen on Kafka`);
  for (const [name, list] of [
    ["order → delivery created", toDelivery],
    ["delivery complete → order COMPLETE", toComplete],
  ] as const) {
    if (list.length === 0) continue;
    const [p50, p99] = [0.5, 0.99].map((below) => `${percentile(list, below).toFixed(1)} ms`) as [string, string];
    keep("unloaded", name, { p50, p99 });
    say(`  ${name.padEnd(47)} p50 ${p50}, p99 ${p99}`);
  }
  say(`Resident, MB: ${[...(await usage(system))].map(([name, { memoryMb }]) => `${name} ${memoryMb}`).join(", ")}`);
  const { findings } = await until(
    "that the books balance",
    () => readBooks(system.databaseUrls),
    (books) => books.findings.length === 0,
  );
  say(`The books balance (${findings.length} findings).`);
  if (!values.record) return;
  await appendResults("bench", measured);
  await writeTables();
}

const system = await startSystem({
  environment: process.env,
  ports: "free",
  // The rate limit is there to protect this system from single users; the load comes from few.
  settings: { SEED_DEMO_DATA: "true", LOG_LEVEL: "warn", RATE_LIMIT_PER_USER_PER_SECOND: "100000" },
  progress: say,
  onLine: (name, line) => {
    if (name !== "kafka" && name !== "postgres") say(`${name}: ${line}`);
  },
});
try {
  await measure(system);
} finally {
  await system.stop();
}
process.exit();
