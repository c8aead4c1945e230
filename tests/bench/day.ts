import type { Shop } from "@shop/client/shop";
import { participants } from "@shop/contracts/services";
import { readFile } from "node:fs/promises";
import { parseArgs } from "node:util";
import { readBooks } from "@shop/books/books";
import { areOrderable } from "../support/orderable.ts";
import { enter } from "@shop/local/demo/enter";
import { until } from "@shop/local/demo/story";
import { startSystem, type System } from "@shop/local/system";
import { eventually } from "@shop/testing/eventually";
import postgres from "postgres";
import { appendResults, codeOfToday } from "../results/results.ts";
import { writeTables } from "../results/tables.ts";
import { atMost, percentile } from "./load.ts";

/**
 * A day's worth of orders, in parts: latency, memory and tables after each. A third is completed by a rider, a third cancelled, a third waits.
 * Then all rows of outboxes and inboxes are made older than rows are kept, and what is left of them is counted.
 */
const { values } = parseArgs({
  options: {
    orders: { type: "string", default: "100000" },
    parts: { type: "string", default: "10" },
    "in-flight": { type: "string", default: "32" },
    /** Appends what was measured to docs/results/bench.jsonl, and renders docs/performance.md. */
    record: { type: "boolean", default: false },
  },
});
const orders = Number(values.orders);
const parts = Number(values.parts);
const inFlight = Number(values["in-flight"]);

const say = (line: string) => void process.stdout.write(`${line}\n`);
const deliveryAddress = "1 Sejong-daero, Jung-gu, Seoul";
/** Longer than anything is kept that is purged: inbox rows are, for 14 days. */
const DAYS_LATER = 15;

async function memory(system: System): Promise<string> {
  const all = Object.entries(system.services).map(async ([name, service]) => {
    const [pid] = service.pids();
    const status = await readFile(`/proc/${pid}/status`, "utf8");
    return `${name} ${Math.round(Number(/VmRSS:\s+(\d+)/.exec(status)?.[1]) / 1_024)}`;
  });
  return (await Promise.all(all)).join(", ");
}

/** Rows and megabytes of a table in each of the participants' databases. */
async function sizes(system: System, table: "outbox" | "inbox"): Promise<string> {
  const all = participants.map(async (name) => {
    const sql = postgres(system.databaseUrls.get(name) ?? "", { max: 1, onnotice: () => undefined });
    const [row] = await sql<{ n: number; mb: number }[]>`
      select (select count(*)::int from ${sql(table)}) as n, (pg_total_relation_size(${table}) / 1048576)::int as mb`;
    await sql.end();
    return `${name} ${row?.n} (${row?.mb} MB)`;
  });
  return (await Promise.all(all)).join(", ");
}

/** One order to where a day leaves it. @returns how long its customer waited for the 201, in milliseconds */
async function oneOrder(customer: Shop, rider: Shop, productId: string, number: number): Promise<number> {
  const startedAt = performance.now();
  const { id } = await customer.createOrder({ items: [{ productId, quantity: 1 }], deliveryAddress });
  const ms = performance.now() - startedAt;
  if (number % 3 === 0) await customer.cancelOrder(id);
  if (number % 3 === 1) {
    const [delivery] = await until(
      `the delivery of ${id}`,
      async () => (await rider.listDeliveries({ orderId: id })).items,
      (items) => items.length > 0,
    );
    if (delivery !== undefined) await rider.completeDelivery(delivery.id);
  }
  return ms;
}

/** Purging goes by the time of the database, which is not ours to move. */
async function age(system: System): Promise<void> {
  for (const name of participants) {
    const sql = postgres(system.databaseUrls.get(name) ?? "", { max: 1, onnotice: () => undefined });
    await sql`update outbox set sent_at = sent_at - make_interval(days => ${DAYS_LATER})`;
    await sql`update inbox set handled_at = handled_at - make_interval(days => ${DAYS_LATER})`;
    await sql.end();
  }
}

async function run(system: System): Promise<void> {
  // A program that continues for so long meets a 503 now and then, and asks again.
  const as = (name: string) => eventually(() => enter(system.frontendUrl, name, undefined, { attempts: 8 }));
  const customers = [await as("customer"), await as("customer2")] as const;
  const rider = await as("rider");
  const admin = await as("admin");
  const product = { name: "Of a day", price: 1_000, currency: "KRW", stock: 1_000_000 } as const;
  const { id: productId } = await admin.createProduct(product);
  await until("the catalogue", () => areOrderable(customers[0], [productId]), Boolean);
  const code = await codeOfToday();
  /** After each part. */
  const [waited, resident]: [string[], string[]] = [[], []];
  let number = 0;
  for (let part = 1; part <= parts; part += 1) {
    const startedAt = performance.now();
    const waits = await atMost(inFlight, Array.from({ length: Math.round(orders / parts) }), (_, worker) =>
      oneOrder(customers[worker % 2 === 0 ? 0 : 1], rider, productId, (number += 1)),
    );
    const perSecond = Math.round((waits.length * 1_000) / (performance.now() - startedAt));
    const at = (below: number) => Math.round(percentile(waits, below));
    const megabytes = await memory(system);
    waited.push(`${at(0.5)} ms, ${at(0.99)} ms`);
    resident.push(megabytes);
    say(`${number} orders: ${perSecond} per s, 201 after ${at(0.5)} ms (p50), ${at(0.99)} ms (p99); MB: ${megabytes}`);
  }
  await until(
    "the last orders",
    () => readBooks(system.databaseUrls),
    ({ findings }) => findings.length === 0,
  );
  say("The books balance.");
  for (const table of ["outbox", "inbox"] as const) say(`${table}: ${await sizes(system, table)}`);
  await age(system);
  // What is purged is purged once a minute.
  await Bun.sleep(75_000);
  say(`${DAYS_LATER} days later`);
  for (const table of ["outbox", "inbox"] as const) say(`${table}: ${await sizes(system, table)}`);
  if (!values.record) return;
  const command = `bun tests/bench/day.ts --orders ${orders} --in-flight ${inFlight}`;
  const after = (measured: readonly string[]) => ({
    "after a tenth": measured[Math.ceil(parts / 10) - 1] ?? "",
    "after half": measured[Math.ceil(parts / 2) - 1] ?? "",
    "after all": measured.at(-1) ?? "",
  });
  const rows = { "201 after, p50 and p99": waited, "resident, MB": resident };
  await appendResults(
    "bench",
    Object.entries(rows).map(([what, measured]) => ({
      ...code,
      command,
      group: "day",
      what,
      figures: after(measured),
    })),
  );
  await writeTables();
}

const system = await startSystem({
  environment: process.env,
  ports: "free",
  settings: { SEED_DEMO_DATA: "true", RATE_LIMIT_PER_USER_PER_SECOND: "100000" },
});
try {
  await run(system);
} finally {
  await system.stop();
}
