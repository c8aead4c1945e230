import type { Shop } from "@shop/client/shop";
import { readFile } from "node:fs/promises";
import { parseArgs } from "node:util";
import { readBooks } from "@shop/local/books";
import { tapMessages } from "@shop/local/demo/message-tap";
import { enter } from "@shop/local/demo/enter";
import { until } from "@shop/local/demo/story";
import { startSystem, type System } from "@shop/local/system";
import postgres from "postgres";
import { atMost, customers, percentile } from "./load.ts";
import { pgbenchOrdersPerSecond } from "./pgbench.ts";

const { values } = parseArgs({
  options: {
    orders: { type: "string", default: "2000" },
    "in-flight": { type: "string", default: "64" },
    unloaded: { type: "string", default: "200" },
    rounds: { type: "string", default: "3" },
  },
});
const orders = Number(values.orders);
const inFlight = Number(values["in-flight"]);
const unloaded = Number(values.unloaded);
const rounds = Number(values.rounds);

const say = (line: string) => void process.stdout.write(`${line}\n`);
const perSecond = (items: number, ms: number) => Math.round((items * 1_000) / ms);
const deliveryAddress = "1 Sejong-daero, Jung-gu, Seoul";

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

async function order(shop: Shop, productId: string): Promise<string> {
  return (await shop.createOrder({ items: [{ productId, quantity: 1 }], deliveryAddress })).id;
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

/** The intake while the saga's services are down, and then the saga on the backlog that this leaves, without any requests beside it. */
async function measureApart(system: System, { place, pendingDeliveries }: Parts): Promise<void> {
  const { supervisor } = system;
  const sagaServices = ["orchestrator", "product", "delivery"];
  const before = await pendingDeliveries();
  for (const name of sagaServices) await supervisor.kill(name, "SIGTERM");
  const startedAt = performance.now();
  await atMost(inFlight, Array.from({ length: orders }), (_, worker) => place(worker));
  const intake = perSecond(orders, performance.now() - startedAt);
  const pg = await pgbenchOrdersPerSecond(system.databaseUrls.get("order") ?? "", { clients: 32, seconds: 3 });
  for (const name of sagaServices) await supervisor.restart(name);
  await until("the first of the backlog", pendingDeliveries, (n) => n > before);
  const firstAt = performance.now();
  const first = await pendingDeliveries();
  await until("the backlog", pendingDeliveries, (n) => n >= before + orders);
  say("Apart from each other");
  say(
    `  POST /api/orders while the saga's services are down ${intake} per s${pg === undefined ? "" : `; intake / pgbench = ${(intake / pg).toFixed(2)}`}`,
  );
  say(
    `  order → delivery created, from the backlog       ${perSecond(before + orders - first, performance.now() - firstAt)} per s`,
  );
}

async function measure(system: System): Promise<void> {
  const url = system.frontendUrl;
  const people = await customers(url, inFlight);
  const rider = await enter(url, "rider");
  const admin = await enter(url, "admin");
  const productIds = await atMost(8, Array.from({ length: 200 }), async (_, index) => {
    const product = { name: `Load ${index}`, price: 1_000, currency: "KRW", stock: 1_000_000 } as const;
    return (await admin.createProduct(product)).id;
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
  await until("the warm-up", pendingDeliveries, (n) => n === 1_000);

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
    await until("the deliveries", pendingDeliveries, (n) => n === before + orders);
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
      await rider.completeDelivery(id);
    });
    const complete = () => count(orderDb, `select count(*)::int as n from orders where status = 'COMPLETE'`);
    await until("the completed orders", complete, (n) => n >= orders * round);
    const completeMs = performance.now() - completeStartedAt;
    const pg = await pgbenchOrdersPerSecond(orderDb ?? "", { clients: 32, seconds: 3 });
    const intake = perSecond(orders, intakeMs);
    say(`Round ${round}: ${orders} orders, ${inFlight} in flight`);
    say(
      `  POST /api/orders through frontend and gateway   ${intake} per s, p50 ${percentile(latencies, 0.5).toFixed(1)} ms, p99 ${percentile(latencies, 0.99).toFixed(1)} ms`,
    );
    say(
      pg === undefined
        ? `  pgbench is not installed: no ratio`
        : `  pgbench, the same two inserts, 32 clients       ${Math.round(pg)} per s; intake / pgbench = ${(intake / pg).toFixed(2)}`,
    );
    say(`  order → delivery created                        ${perSecond(orders, sagaMs)} per s`);
    say(`  delivery complete → order COMPLETE              ${perSecond(orders, completeMs)} per s`);
    say(`  whole sagas                                     ${perSecond(orders, sagaMs + completeMs)} per s`);
    say(`  CPU per order to its delivery, ms               ${cpu.join(", ")}`);
  }

  await measureApart(system, { place: (worker) => order(as(worker), any()), pendingDeliveries });
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
    await rider.completeDelivery(delivery?.id ?? "");
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
    say(`  ${name.padEnd(47)} p50 ${percentile(list, 0.5).toFixed(1)} ms, p99 ${percentile(list, 0.99).toFixed(1)} ms`);
  }
  say(`Resident, MB: ${[...(await usage(system))].map(([name, { memoryMb }]) => `${name} ${memoryMb}`).join(", ")}`);
  const { findings } = await until(
    "that the books balance",
    () => readBooks(system.databaseUrls),
    (books) => books.findings.length === 0,
  );
  say(`The books balance (${findings.length} findings).`);
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
