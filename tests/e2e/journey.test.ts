import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import type { Shop } from "@shop/client/shop";
import { refusalOf } from "../support/refusal.ts";
import { untilAnswered } from "../support/until-answered.ts";
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
let customer: Shop;
let rider: Shop;
let productId: string;

beforeAll(async () => {
  shop = await startTestSystem();
  customer = await shop.logIn("customer");
  rider = await shop.logIn("rider");
  productId = await newProduct(shop, 1_000);
}, 180_000);
afterAll(async () => {
  await shop.stop();
}, 180_000);

async function waitingOrder(): Promise<{ readonly orderId: string; readonly deliveryId: string }> {
  const orderId = (await placeOrder(customer, productId, 1)).id;
  await orderBecomes(customer, orderId, "progress", "WAITING_FOR_RIDER");
  return { orderId, deliveryId: (await deliveryOf(customer, orderId)).id };
}

describe("the journey, through frontend and gateway", () => {
  test("log in, order, delivery, complete: the order becomes COMPLETE and its stock is gone", async () => {
    const before = (await products(shop)).find(({ id }) => id === productId)?.stock ?? 0;
    const { orderId, deliveryId } = await waitingOrder();
    await rider.claimDelivery(deliveryId);
    expect((await rider.completeDelivery(deliveryId)).status).toBe("COMPLETE");
    const order = await orderBecomes(customer, orderId, "status", "COMPLETE");
    expect(order.progress).toBe("COMPLETE");
    expect((await products(shop)).find(({ id }) => id === productId)?.stock).toBe(before - 1);
    await shop.booksBalance();
  });

  test("an order for what is sold out is cancelled with its reason", async () => {
    const soldOut = await newProduct(shop, 0);
    const { id, status } = await placeOrder(customer, soldOut, 1);
    expect(status).toBe("PENDING");
    const order = await orderBecomes(customer, id, "status", "CANCELLED");
    expect(order.cancelReason).toBe("OUT_OF_STOCK");
  });

  test("an order that is cancelled while it waits for a rider is compensated: delivery, stock, order", async () => {
    const { orderId, deliveryId } = await waitingOrder();
    await customer.cancelOrder(orderId);
    const order = await orderBecomes(customer, orderId, "status", "CANCELLED");
    expect(order.cancelReason).toBe("CANCELLED_BY_CUSTOMER");
    expect((await rider.getDelivery(deliveryId)).status).toBe("CANCELLED");
    expect(await refusalOf(rider.completeDelivery(deliveryId))).toBe("DELIVERY_ENDED");
    expect(await refusalOf(customer.cancelOrder(orderId))).toBe("ORDER_ENDED");
    await shop.booksBalance();
  });

  test("a delivery that the rider gives up cancels the order", async () => {
    const { orderId, deliveryId } = await waitingOrder();
    await rider.claimDelivery(deliveryId);
    await rider.failDelivery(deliveryId, { reason: "nobody at home" });
    const order = await orderBecomes(customer, orderId, "status", "CANCELLED");
    expect(order.cancelReason).toBe("DELIVERY_FAILED");
    await shop.booksBalance();
  });

  test("an admin sees the saga of an order with its whole history", async () => {
    const { orderId, deliveryId } = await waitingOrder();
    await rider.completeDelivery(deliveryId);
    await orderBecomes(customer, orderId, "status", "COMPLETE");
    const admin = await shop.logIn("admin");
    const [saga] = (await admin.listSagas({ orderId })).items;
    expect(saga?.history.map(({ message }) => message)).toEqual([
      "OrderCreated",
      "ProductDecreased",
      "DeliveryCreated",
      "DeliveryCompleted",
      "OrderCompleted",
    ]);
    expect(await refusalOf(customer.listSagas())).toBe("FORBIDDEN");
  });
});

describe("the rider", () => {
  test("completes twice and is answered the same twice; another rider is refused", async () => {
    const { orderId, deliveryId } = await waitingOrder();
    const first = await rider.completeDelivery(deliveryId);
    expect(await rider.completeDelivery(deliveryId)).toEqual(first);
    const other = await shop.logIn("rider2");
    expect(await refusalOf(other.completeDelivery(deliveryId))).toBe("DELIVERY_TAKEN");
    await orderBecomes(customer, orderId, "status", "COMPLETE");
  });

  test("completes the very moment that the delivery exists, before the saga has heard of it", async () => {
    const orderIds = await Promise.all(
      Array.from({ length: 30 }, async () => (await placeOrder(customer, productId, 1)).id),
    );
    await Promise.all(
      orderIds.map(async (orderId) => {
        const { id } = await deliveryOf(rider, orderId);
        await untilAnswered(() => rider.completeDelivery(id));
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
          refusalOf(untilAnswered(() => rider.completeDelivery(deliveryId))),
          refusalOf(untilAnswered(() => customer.cancelOrder(orderId))),
        ]);
        return { orderId, completed, cancelled };
      }),
    );
    await shop.booksBalance();
    for (const { orderId, completed, cancelled } of answers) {
      expect([undefined, "DELIVERY_ENDED"]).toContain(completed);
      expect([undefined, "ORDER_ENDED"]).toContain(cancelled);
      const { status } = await customer.getOrder(orderId);
      expect(status).toBe(completed === undefined ? "COMPLETE" : "CANCELLED");
    }
  }, 180_000);

  test("of a thousand orders at once for the last twenty items twenty are served and the rest are cancelled", async () => {
    const scarce = await newProduct(shop, 20);
    const customers = await Promise.all(Array.from({ length: 10 }, () => shop.newCustomer()));
    await Promise.all(
      Array.from({ length: 1_000 }, (_, index) => placeOrder(customers[index % 10] as Shop, scarce, 1)),
    );
    const books = await shop.booksBalance();
    expect(books.products.find(({ id }) => id === scarce)).toMatchObject({ stock: 0, ordered: 20 });
  }, 180_000);
});
