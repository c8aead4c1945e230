import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import type { ShopClient } from "@shop/local/demo/shop-client";
import {
  deliveryOf,
  newProduct,
  orderBecomes,
  placeOrder,
  products,
  startTestSystem,
  type TestSystem,
} from "../support/test-system.ts";

let shop: TestSystem;
let customer: ShopClient;
let rider: ShopClient;
let productId: string;

beforeAll(async () => {
  shop = await startTestSystem();
  customer = await shop.logIn("customer");
  rider = await shop.logIn("rider");
  productId = await newProduct(shop, 1_000);
}, 180_000);
afterAll(async () => {
  await shop.stop();
}, 30_000);

async function waitingOrder(): Promise<{ readonly orderId: string; readonly deliveryId: string }> {
  const orderId = String((await placeOrder(customer, productId, 1)).body["id"]);
  await orderBecomes(customer, orderId, "progress", "WAITING_FOR_RIDER");
  return { orderId, deliveryId: (await deliveryOf(customer, orderId)).id };
}

describe("the journey, through frontend and gateway", () => {
  test("log in, order, delivery, complete: the order becomes COMPLETE and its stock is gone", async () => {
    const before = (await products(shop)).find(({ id }) => id === productId)?.stock ?? 0;
    const { orderId, deliveryId } = await waitingOrder();
    expect((await rider.call("PUT", `/api/deliveries/${deliveryId}/claim`)).status).toBe(200);
    const completed = await rider.call("PUT", `/api/deliveries/${deliveryId}/complete`);
    expect([completed.status, completed.body["status"]]).toEqual([200, "COMPLETE"]);
    const order = await orderBecomes(customer, orderId, "status", "COMPLETE");
    expect(order["progress"]).toBe("COMPLETE");
    expect((await products(shop)).find(({ id }) => id === productId)?.stock).toBe(before - 1);
    await shop.booksBalance();
  });

  test("an order for what is sold out is cancelled with its reason", async () => {
    const soldOut = await newProduct(shop, 0);
    const { status, body } = await placeOrder(customer, soldOut, 1);
    expect([status, body["status"]]).toEqual([201, "PENDING"]);
    const order = await orderBecomes(customer, String(body["id"]), "status", "CANCELLED");
    expect(order["cancelReason"]).toBe("OUT_OF_STOCK");
  });

  test("an order that is cancelled while it waits for a rider is taken back: delivery, stock, order", async () => {
    const { orderId, deliveryId } = await waitingOrder();
    expect((await customer.call("POST", `/api/orders/${orderId}/cancel`)).status).toBe(202);
    const order = await orderBecomes(customer, orderId, "status", "CANCELLED");
    expect(order["cancelReason"]).toBe("CANCELLED_BY_CUSTOMER");
    expect((await rider.call("GET", `/api/deliveries/${deliveryId}`)).body["status"]).toBe("CANCELLED");
    expect((await rider.call("PUT", `/api/deliveries/${deliveryId}/complete`)).status).toBe(409);
    expect((await customer.call("POST", `/api/orders/${orderId}/cancel`)).status).toBe(409);
    await shop.booksBalance();
  });

  test("a delivery that the rider gives up takes the order back", async () => {
    const { orderId, deliveryId } = await waitingOrder();
    await rider.call("PUT", `/api/deliveries/${deliveryId}/claim`);
    expect((await rider.call("PUT", `/api/deliveries/${deliveryId}/fail`, { reason: "nobody at home" })).status).toBe(
      200,
    );
    const order = await orderBecomes(customer, orderId, "status", "CANCELLED");
    expect(order["cancelReason"]).toBe("DELIVERY_FAILED");
    await shop.booksBalance();
  });

  test("an admin sees the saga of an order with its whole history", async () => {
    const { orderId, deliveryId } = await waitingOrder();
    await rider.call("PUT", `/api/deliveries/${deliveryId}/complete`);
    await orderBecomes(customer, orderId, "status", "COMPLETE");
    const admin = await shop.logIn("admin");
    const { body } = await admin.call("GET", `/api/sagas?orderId=${orderId}`);
    const [saga] = body["items"] as readonly { history: readonly { message: string }[] }[];
    expect(saga?.history.map(({ message }) => message)).toEqual([
      "OrderCreated",
      "ProductDecreased",
      "DeliveryCreated",
      "DeliveryCompleted",
      "OrderCompleted",
    ]);
    expect((await customer.call("GET", "/api/sagas")).status).toBe(403);
  });
});

describe("the rider", () => {
  test("completes twice and is answered the same twice; another rider is refused", async () => {
    const { orderId, deliveryId } = await waitingOrder();
    const first = await rider.call("PUT", `/api/deliveries/${deliveryId}/complete`);
    const second = await rider.call("PUT", `/api/deliveries/${deliveryId}/complete`);
    expect([second.status, second.body]).toEqual([200, first.body]);
    const other = await shop.logIn("rider2");
    expect((await other.call("PUT", `/api/deliveries/${deliveryId}/complete`)).status).toBe(409);
    await orderBecomes(customer, orderId, "status", "COMPLETE");
  });

  test("completes the very moment that the delivery exists, before the saga has heard of it", async () => {
    const orderIds = await Promise.all(
      Array.from({ length: 30 }, async () => String((await placeOrder(customer, productId, 1)).body["id"])),
    );
    await Promise.all(
      orderIds.map(async (orderId) => {
        const { id } = await deliveryOf(rider, orderId);
        expect((await rider.call("PUT", `/api/deliveries/${id}/complete`)).status).toBe(200);
      }),
    );
    for (const orderId of orderIds) await orderBecomes(customer, orderId, "status", "COMPLETE");
    await shop.booksBalance();
  });
});

describe("races", () => {
  test("of rider and cancel exactly one wins, and nobody who was told yes is told otherwise later", async () => {
    const orders = await Promise.all(Array.from({ length: 60 }, waitingOrder));
    const answers = await Promise.all(
      orders.map(async ({ orderId, deliveryId }) => {
        const [completed, cancelled] = await Promise.all([
          rider.call("PUT", `/api/deliveries/${deliveryId}/complete`),
          customer.call("POST", `/api/orders/${orderId}/cancel`),
        ]);
        return { orderId, completed: completed.status, cancelled: cancelled.status };
      }),
    );
    await shop.booksBalance();
    for (const { orderId, completed, cancelled } of answers) {
      expect([200, 409]).toContain(completed);
      expect([202, 409]).toContain(cancelled);
      const { status } = (await customer.call("GET", `/api/orders/${orderId}`)).body;
      expect(status).toBe(completed === 200 ? "COMPLETE" : "CANCELLED");
    }
  }, 40_000);

  test("of a thousand orders at once for the last twenty items twenty are served and the rest are cancelled", async () => {
    const scarce = await newProduct(shop, 20);
    const people = await Promise.all(Array.from({ length: 10 }, () => shop.newCustomer()));
    const placed = await Promise.all(
      Array.from({ length: 1_000 }, (_, index) => placeOrder(people[index % 10] as ShopClient, scarce, 1)),
    );
    expect(placed.filter(({ status }) => status !== 201)).toEqual([]);
    const books = await shop.booksBalance();
    expect(books.products.find(({ id }) => id === scarce)).toMatchObject({ stock: 0, ordered: 20 });
  }, 60_000);
});
