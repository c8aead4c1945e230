import { afterAll, beforeAll, expect, test } from "bun:test";
import type { Shop } from "@shop/client/shop";
import { eventually } from "@shop/testing/eventually";
import { expectKept, runLoad } from "../support/journal.ts";
import { refusalOf } from "../support/refusal.ts";
import { newProduct, orderBecomes, placeOrder, startTestSystem, type TestSystem } from "../support/test-system.ts";

let shop: TestSystem;
let customers: readonly Shop[];
let rider: Shop;
let admin: Shop;
let productIds: readonly string[];
let scarce: string;

beforeAll(async () => {
  shop = await startTestSystem();
  customers = await Promise.all(Array.from({ length: 4 }, () => shop.newCustomer()));
  rider = await shop.logIn("rider");
  admin = await shop.logIn("admin");
  scarce = await newProduct(shop, 50);
  productIds = [await newProduct(shop, 100_000), await newProduct(shop, 100_000), scarce];
}, 180_000);
afterAll(async () => {
  await shop.stop();
}, 30_000);

test("participants killed in the middle of their work, again and again: nothing is lost, nothing is done twice", async () => {
  const { supervisor } = shop.system;
  const victims = ["product", "delivery", "orchestrator", "order"];
  const kills: Promise<void>[] = [];
  let killed = 0;
  const journal = await runLoad({
    ...{ customers, rider, productIds, orders: 480, inFlight: 16, cancelled: 0.2, completed: 0.4, seed: 2 },
    onPlaced: (count) => {
      if (count % 40 !== 0) return;
      const victim = victims[killed % victims.length] as string;
      killed += 1;
      kills.push(
        (kills.at(-1) ?? Promise.resolve()).then(async () => {
          await supervisor.kill(victim, "SIGKILL");
          await supervisor.restart(victim);
        }),
      );
    },
  });
  await Promise.all(kills);
  expect(killed).toBe(12);
  const books = await shop.booksBalance(60_000);
  expect(books.deadLetters).toEqual([]);
  await expectKept(journal, admin);
}, 180_000);

for (const victim of ["order", "product", "delivery", "orchestrator", "user", "gateway", "frontend"]) {
  test(`after kill -9 of ${victim} and its restart its work goes on within ten seconds`, async () => {
    const { supervisor } = shop.system;
    const [customer] = customers as [Shop];
    await supervisor.kill(victim, "SIGKILL");
    await supervisor.restart(victim);
    const restartedAt = performance.now();
    const { id } = await placeOrder(customer, productIds[0] as string, 1);
    await orderBecomes(customer, id, "progress", "WAITING_FOR_RIDER", 10_000);
    expect(performance.now() - restartedAt).toBeLessThan(10_000);
  }, 40_000);
}

test("the health names who is down within two seconds, and who is up again", async () => {
  const { supervisor } = shop.system;
  const statuses = async () => {
    const startedAt = performance.now();
    const { services } = await admin.getHealth();
    expect(performance.now() - startedAt).toBeLessThan(2_000);
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
  await eventually(async () => expect(new Set(Object.values(await statuses()))).toEqual(new Set(["UP"])), {
    deadlineMs: 20_000,
  });
}, 60_000);

test("orders are taken while Kafka's readers, product, delivery and orchestrator, are all down, and go on when they are back", async () => {
  const { supervisor } = shop.system;
  const [customer] = customers as [Shop];
  const down = ["product", "delivery", "orchestrator"];
  for (const name of down) await supervisor.kill(name, "SIGKILL");
  const placed = await Promise.all(Array.from({ length: 20 }, () => placeOrder(customer, productIds[1] as string, 1)));
  expect(await refusalOf(rider.listDeliveries())).toBe("UNAVAILABLE");
  for (const name of down) await supervisor.restart(name);
  for (const { id } of placed) await orderBecomes(customer, id, "progress", "WAITING_FOR_RIDER", 20_000);
}, 60_000);

test("a product withdrawn after it was ordered and before its stock was taken: the order is cancelled and says so", async () => {
  const { supervisor } = shop.system;
  const [customer] = customers as [Shop];
  const withdrawn = await newProduct(shop, 5);
  await supervisor.kill("orchestrator", "SIGKILL");
  const { id } = await placeOrder(customer, withdrawn, 1);
  await admin.withdrawProduct(withdrawn);
  await supervisor.restart("orchestrator");
  const order = await orderBecomes(customer, id, "status", "CANCELLED", 20_000);
  expect(order.cancelReason).toBe("PRODUCT_NOT_FOUND");
}, 60_000);
