import { afterAll, beforeAll, expect, test } from "bun:test";
import { join } from "node:path";
import type { Shop } from "@shop/client/shop";
import { dataFolder } from "@shop/local/infrastructure";
import { type KafkaProcess, startKafka } from "@shop/local/kafka";
import type { RunFolder } from "@shop/local/run-folder";
import { eventually } from "@shop/testing/eventually";
import postgres from "postgres";
import {
  deliveryOf,
  newProduct,
  orderBecomes,
  placeOrder,
  startTestSystem,
  type TestSystem,
} from "../support/test-system.ts";

let folder: RunFolder;
let kafka: KafkaProcess;
let shop: TestSystem;
let customer: Shop;
let rider: Shop;
let admin: Shop;
let productId: string;

/** Ends what hangs: that everything is in order again takes some ten seconds. */
const HEALED_MS = 90_000;

beforeAll(async () => {
  folder = await dataFolder();
  kafka = await startKafka({ dataDir: join(folder.path, "kafka"), environment: process.env });
  shop = await startTestSystem({ kafkaBrokers: kafka.brokers });
  customer = await shop.newCustomer();
  rider = await shop.logIn("rider");
  admin = await shop.logIn("admin");
  productId = await newProduct(shop, 1_000);
}, 480_000);
afterAll(async () => {
  await shop.stop();
  await kafka.stop();
  await folder.remove();
}, 480_000);

/** For people to look at: how fast a machine is, no test asserts. */
function sayHealed(wipedAt: number): void {
  process.stdout.write(`  in order again ${Math.round(performance.now() - wipedAt)} ms after the loss\n`);
}

const place = async () => (await placeOrder(customer, productId, 1)).id;

/** An order for which a rider is waited. */
async function placeForRider(): Promise<string> {
  const id = await place();
  await orderBecomes(customer, id, "progress", "WAITING_FOR_RIDER");
  return id;
}

async function complete(orderId: string): Promise<void> {
  await rider.completeDelivery((await deliveryOf(rider, orderId)).id);
}

const sagaStandsAt = (orderId: string, step: string) =>
  eventually(async () => expect((await admin.listSagas({ orderId })).items).toMatchObject([{ step }]));

/** Waits until the broker has acknowledged what this service has to say. */
async function untilSent(service: string): Promise<void> {
  const sql = postgres(shop.system.databaseUrls.get(service) ?? "", { max: 1 });
  await eventually(async () => expect(await sql`select 1 from outbox where sent_at is null limit 1`).toHaveLength(0));
  await sql.end();
}

const down = async (...services: readonly string[]) => {
  for (const service of services) await shop.system.supervisor.kill(service);
};
const up = (...services: readonly string[]) =>
  Promise.all(services.map((service) => shop.system.supervisor.restart(service)));

test("commands that nobody had read are lost with all of Kafka's data: their orders go on", async () => {
  const [waits, cancelled] = [await placeForRider(), await placeForRider()];
  await down("delivery");
  await customer.cancelOrder(cancelled);
  await sagaStandsAt(cancelled, "CANCEL_DELIVERY");
  const creating = await place();
  await sagaStandsAt(creating, "CREATE_DELIVERY");
  await down("product");
  const decreasing = await place();
  await sagaStandsAt(decreasing, "DECREASE_PRODUCT");
  await untilSent("orchestrator");
  await kafka.wipe();
  const wipedAt = performance.now();
  await up("product", "delivery");
  for (const id of [waits, creating, decreasing])
    await orderBecomes(customer, id, "progress", "WAITING_FOR_RIDER", HEALED_MS);
  await orderBecomes(customer, cancelled, "status", "CANCELLED", HEALED_MS);
  sayHealed(wipedAt);
  for (const id of [waits, creating, decreasing]) await complete(id);
  for (const id of [waits, creating, decreasing]) await orderBecomes(customer, id, "status", "COMPLETE", HEALED_MS);
  expect((await shop.booksBalance(HEALED_MS)).deadLetters).toEqual([]);
}, 480_000);

test("what riders, customers and admins had said is lost with all of Kafka's data: it is heard", async () => {
  const [completed, cancelled] = [await placeForRider(), await placeForRider()];
  await down("orchestrator");
  await complete(completed);
  await customer.cancelOrder(cancelled);
  const placed = await place();
  await untilSent("order");
  await untilSent("delivery");
  await down("order");
  await admin.changeProduct(productId, { price: 7_700 });
  await untilSent("product");
  await kafka.wipe();
  const wipedAt = performance.now();
  await up("orchestrator", "order");
  await orderBecomes(customer, completed, "status", "COMPLETE", HEALED_MS);
  await orderBecomes(customer, cancelled, "status", "CANCELLED", HEALED_MS);
  await orderBecomes(customer, placed, "progress", "WAITING_FOR_RIDER", HEALED_MS);
  await eventually(async () => expect(await placeOrder(customer, productId, 1)).toMatchObject({ total: 7_700 }), {
    deadlineMs: HEALED_MS,
    pauseMs: 1_000,
  });
  sayHealed(wipedAt);
  expect((await shop.booksBalance(HEALED_MS)).deadLetters).toEqual([]);
}, 480_000);
