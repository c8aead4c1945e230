import { afterAll, beforeAll, expect, test } from "bun:test";
import { processNames } from "@shop/contracts/services";
import type { Shop } from "@shop/client/shop";
import { eventually } from "@shop/testing/eventually";
import { refusalOf } from "../support/refusal.ts";
import { newProduct, orderBecomes, placeOrder, startTestSystem, type TestSystem } from "../support/test-system.ts";

let shop: TestSystem;
let customer: Shop;
let rider: Shop;
let admin: Shop;
let productId: string;

beforeAll(async () => {
  shop = await startTestSystem({ ownInfrastructure: true });
  customer = await shop.newCustomer();
  rider = await shop.logIn("rider");
  admin = await shop.logIn("admin");
  productId = await newProduct(shop, 100_000);
}, 240_000);
afterAll(async () => {
  await shop.stop();
}, 240_000);

for (const victim of processNames) {
  test(`after kill -9 of ${victim} and its restart its work goes on`, async () => {
    const { supervisor } = shop.system;
    await supervisor.kill(victim, "SIGKILL");
    await supervisor.restart(victim);
    const restartedAt = performance.now();
    const { id } = await placeOrder(customer, productId, 1);
    await orderBecomes(customer, id, "progress", "WAITING_FOR_RIDER");
    process.stdout.write(`  ${victim}: went on after ${Math.round(performance.now() - restartedAt)} ms\n`);
  }, 240_000);
}

test("the health names who is down, and who is up again", async () => {
  const { supervisor } = shop.system;
  const statuses = async () => {
    const { services } = await admin.getHealth();
    return Object.fromEntries(services.map((one) => [one.service, one.status]));
  };
  for (const name of ["product", "user"]) await supervisor.kill(name, "SIGKILL");
  expect(await statuses()).toMatchObject({
    frontend: "UP",
    gateway: "UP",
    product: "DOWN",
    user: "DOWN",
    delivery: "UP",
  });
  for (const name of ["product", "user"]) await supervisor.restart(name);
  await eventually(async () => expect(new Set(Object.values(await statuses()))).toEqual(new Set(["UP"])));
}, 240_000);

test("orders are taken while Kafka's readers, product, delivery and orchestrator, are all down, and go on when they are back", async () => {
  const { supervisor } = shop.system;
  const down = ["product", "delivery", "orchestrator"];
  for (const name of down) await supervisor.kill(name, "SIGKILL");
  const placed = await Promise.all(Array.from({ length: 20 }, () => placeOrder(customer, productId, 1)));
  expect(await refusalOf(rider.listDeliveries())).toBe("UNAVAILABLE");
  for (const name of down) await supervisor.restart(name);
  for (const { id } of placed) await orderBecomes(customer, id, "progress", "WAITING_FOR_RIDER");
}, 240_000);

test("a product withdrawn after it was ordered and before its stock was taken: the order is cancelled and says so", async () => {
  const { supervisor } = shop.system;
  const withdrawn = await newProduct(shop, 5);
  await supervisor.kill("orchestrator", "SIGKILL");
  const { id } = await placeOrder(customer, withdrawn, 1);
  await admin.withdrawProduct(withdrawn);
  await supervisor.restart("orchestrator");
  const order = await orderBecomes(customer, id, "status", "CANCELLED");
  expect(order.cancelReason).toBe("PRODUCT_NOT_FOUND");
}, 240_000);

test("orders are taken while the broker is away, and go on when it is back", async () => {
  const { kafka } = shop.system.infrastructure;
  if (kafka === undefined) throw new Error("this test needs a broker of its own: unset KAFKA_BROKERS");
  await kafka.kill();
  const placed = await Promise.all(Array.from({ length: 20 }, () => placeOrder(customer, productId, 1)));
  await kafka.restart();
  for (const { id } of placed) await orderBecomes(customer, id, "progress", "WAITING_FOR_RIDER");
}, 240_000);
