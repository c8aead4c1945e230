import { afterAll, afterEach, beforeAll, expect, test } from "bun:test";
import { CompleteOrderCommand } from "@shop/contracts/messages/order";
import { ProductChanged } from "@shop/contracts/messages/product";
import { outgoing } from "@shop/messaging/outbox/outgoing";
import { uuidV7 } from "@shop/runtime/ids";
import { seededParticipant } from "@shop/service/testing/seeded-participant";
import { seeded } from "@shop/testing/seeded-secrets";
import { orderService } from "./service.ts";

let order: Awaited<ReturnType<typeof seededParticipant>>;
const [productId, customer] = [uuidV7(), uuidV7()];
let version = 0;
const changed = () => {
  const product = { productId, name: seeded("product"), price: 1, currency: "KRW", withdrawn: false } as const;
  return outgoing(ProductChanged, productId, { ...product, version: (version += 1) }, undefined);
};

beforeAll(async () => {
  order = await seededParticipant(orderService);
}, 120_000);
afterAll(() => order.close());
afterEach(async () => expect(await order.found()).toEqual([]));

test("orders and lists of which each statement fails write no address and no key anywhere", async () => {
  await order.service.receive(changed());
  const deliveryAddress = seeded("address");
  const place = () => ({ items: [{ productId, quantity: 1 }], deliveryAddress });
  expect(await order.call("customer", customer, "POST", "/api/orders", place)).toBeGreaterThanOrEqual(4);
  expect(await order.call("customer", customer, "GET", "/api/orders")).toBeGreaterThanOrEqual(2);
}, 120_000);

test("messages of which each statement fails, and those that nobody can read, leave nothing of them beside themselves", async () => {
  expect(await order.deliver(changed)).toBeGreaterThanOrEqual(4);
  const unknown = uuidV7();
  const complete = () => outgoing(CompleteOrderCommand, unknown, { orderId: unknown }, undefined);
  await order.deliver(complete);
  const before = await order.deadLetters();
  await order.deliverPoison(changed());
  expect(await order.deadLetters()).toBe(before + 7);
}, 120_000);
