import { afterAll, beforeAll, expect, test } from "bun:test";
import { processNames } from "@shop/contracts/services";
import type { Shop } from "@shop/client/shop";
import { enter } from "@shop/local/demo/enter";
import { freePort } from "@shop/local/free-port";
import { eventually } from "@shop/testing/eventually";
import type { Entry } from "../harness/load/journal.ts";
import { composeProject, docker } from "../support/compose-project.ts";
import { orderBecomes, placeOrder } from "../support/test-system.ts";
import { composedTrial } from "../support/composed-trial.ts";

/** What it takes to notice that a broker or a replica is gone, … */
const NOTICED_WITHIN_MS = 10_000;
/** … and to continue, in the time that an order took before any fault, on this machine. */
const GOES_ON_WITHIN_ORDERS = 10;
const BROKERS = ["kafka", "kafka-2", "kafka-3"];
const SERVICES = processNames.toReversed();

const project = composeProject({
  name: "order-delivery-cluster",
  port: await freePort(),
  files: ["compose.cluster.yaml"],
});
let customer: Shop;
let productId: string;
/** The longest of a few orders before any fault, in milliseconds. */
let usualMs = 0;

beforeAll(async () => {
  await project.compose("build");
  await project.compose("up", "--wait", "--wait-timeout", "600");
  customer = await eventually(() => enter(project.url, "customer2"));
  productId = (await customer.listProducts({ limit: 100 })).items.find(({ stock }) => stock > 100)?.id ?? "";
  await eventually(() => untilWaiting());
  for (let count = 0; count < 5; count += 1) usualMs = Math.max(usualMs, await untilWaiting());
  process.stdout.write(`  an order waits for its rider after at most ${Math.round(usualMs)} ms\n`);
}, 1_800_000);
afterAll(async () => {
  await project.compose("down", "--volumes", "--timeout", "15");
}, 240_000);

/** Sends one order all the way to the wait for a rider. @returns how long it took, in milliseconds */
async function untilWaiting(): Promise<number> {
  const startedAt = performance.now();
  const { id } = await placeOrder(customer, productId, 1);
  await orderBecomes(customer, id, "progress", "WAITING_FOR_RIDER", 60_000);
  return performance.now() - startedAt;
}

/** Kills a container, sees how soon an order placed right behind it comes through, and brings the container back. */
async function killed(service: string, replica?: number): Promise<string> {
  await docker(["kill", project.nameOf(service, replica)]);
  const goesOnAfterMs = await untilWaiting();
  await docker(["start", project.nameOf(service, replica)]);
  await project.compose("up", "--detach", "--wait", "--no-recreate");
  return goesOnAfterMs <= NOTICED_WITHIN_MS + GOES_ON_WITHIN_ORDERS * usualMs
    ? ""
    : `after the end of ${service} work went on after ${goesOnAfterMs} ms`;
}

const unserved = (journal: readonly Entry[]) =>
  journal
    .filter(({ status }) => status === 0 || status >= 500)
    .map(({ at, method, call, status, problem }) => `${at} ${method} ${call} ${status} ${problem}`);

test("each broker in turn, then a replica of each service, is killed under load: work goes on soon, every rule is kept", async () => {
  const late: string[] = [];
  const journal: Entry[] = [];
  const verdict = await composedTrial(project, {
    async injectFaults() {
      for (const broker of BROKERS) late.push(await killed(broker));
      for (const service of SERVICES) late.push(await killed(service, 2));
    },
    seed: 3,
    journal,
    habits: { ordersPerSecond: 5, inFlight: 12 },
  });
  expect(verdict.breaches).toEqual([]);
  expect(verdict.failures).toEqual([]);
  expect(late.filter((sentence) => sentence !== "")).toEqual([]);
  expect(unserved(journal)).toEqual([]);
}, 1_800_000);
