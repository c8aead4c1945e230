import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import type { Shop } from "@shop/client/shop";
import { eventually } from "@shop/testing/eventually";
import { type ReceivedSpan, startTraceReceiver } from "@shop/testing/trace-receiver";
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

const receiver = startTraceReceiver();

beforeAll(async () => {
  shop = await startTestSystem({
    settings: { OTEL_EXPORTER_OTLP_ENDPOINT: receiver.endpoint, TRACE_LINK: "http://traces.example/{traceId}" },
  });
  customer = await shop.logIn("customer");
  rider = await shop.logIn("rider");
  productId = await newProduct(shop, 1_000);
}, 180_000);
afterAll(async () => {
  await shop.stop();
  await receiver.stop();
}, 180_000);

/** Whether there is one root, and the parent of each other span is there. */
function isTree(spans: readonly ReceivedSpan[]): boolean {
  const ids = new Set(spans.map(({ spanId }) => spanId));
  const roots = spans.filter(({ parentSpanId }) => parentSpanId === undefined || !ids.has(parentSpanId));
  return ids.size === spans.length && roots.length === 1 && roots[0]?.parentSpanId === undefined;
}

/** Whether there is each of these spans, written as `service: name of its parent > name`. */
function hasAll(spans: readonly ReceivedSpan[], expected: readonly string[]): boolean {
  const names = new Map(spans.map(({ spanId, name }) => [spanId, name]));
  const found = spans.map(
    ({ resource, parentSpanId, name }) =>
      `${String(resource["service.name"])}: ${names.get(parentSpanId ?? "") ?? ""} > ${name}`,
  );
  return expected.every((one) => found.includes(one));
}

const isAdvance = (attributes: Readonly<Record<string, string>>) => (span: ReceivedSpan) =>
  span.name === "saga advance" && Object.entries(attributes).every(([name, value]) => span.attributes[name] === value);

/** The way of a message: written by its sender, waiting, sent, and handled by each service that takes it. */
const wayOf = (topic: string, sender: string, from: string, receivers: readonly string[]) => [
  `${sender}: ${from} > create ${topic}`,
  `${sender}: create ${topic} > outbox wait ${topic}`,
  `${sender}: create ${topic} > send ${topic}`,
  ...receivers.flatMap((name) => [
    `${name}: create ${topic} > process ${topic}`,
    `${name}: process ${topic} > INSERT inbox`,
    `${name}: process ${topic} > COMMIT`,
    ...(name === "orchestrator" ? [`${name}: process ${topic} > saga advance`] : []),
  ]),
];

const SPANS_OF_ORDER: readonly string[] = [
  "frontend:  > POST /api/*",
  "frontend: POST /api/* > POST",
  "gateway: POST > POST /api/orders",
  "gateway: POST /api/orders > POST",
  "order: POST > POST /api/orders",
  "order: POST /api/orders > INSERT orders",
  ...wayOf("order.events", "order", "POST /api/orders", ["orchestrator"]),
  ...wayOf("product.commands", "orchestrator", "saga advance", ["product"]),
  ...wayOf("product.events", "product", "process product.commands", ["orchestrator"]),
  ...wayOf("delivery.commands", "orchestrator", "saga advance", ["delivery"]),
  ...wayOf("delivery.events", "delivery", "process delivery.commands", ["orchestrator", "order"]),
];

const COMPLETE = "PUT /api/deliveries/{id}/complete";
const SPANS_OF_RIDER: readonly string[] = [
  "frontend:  > PUT /api/*",
  "frontend: PUT /api/* > PUT",
  `gateway: PUT > ${COMPLETE}`,
  `gateway: ${COMPLETE} > PUT`,
  `delivery: PUT > ${COMPLETE}`,
  `delivery: ${COMPLETE} > UPDATE delivery`,
  ...wayOf("delivery.events", "delivery", COMPLETE, ["orchestrator", "order"]),
  ...wayOf("order.commands", "orchestrator", "saga advance", ["order"]),
  ...wayOf("order.events", "order", "process order.commands", ["orchestrator"]),
];

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

  test("an order is one trace from its request to its delivery; the rider's is one to the order's end, and links to it", async () => {
    const { orderId, deliveryId } = await waitingOrder();
    await rider.completeDelivery(deliveryId);
    await orderBecomes(customer, orderId, "status", "COMPLETE");
    const { traceId, traceUrl } = await (await shop.logIn("admin")).explainOrder(orderId);
    expect(traceUrl).toBe(`http://traces.example/${traceId}`);

    const order = await receiver.trace(traceId ?? "", (spans) => isTree(spans) && hasAll(spans, SPANS_OF_ORDER));
    const advance = await eventually(() => {
      const last = receiver.spans.find(isAdvance({ "shop.order.id": orderId, "shop.saga.status": "COMPLETE" }));
      if (last === undefined) throw new Error("no span of the saga's end");
      return last;
    });
    const riders = await receiver.trace(advance.traceId, (spans) => isTree(spans) && hasAll(spans, SPANS_OF_RIDER));
    expect(riders[0]?.traceId).not.toBe(traceId);
    expect(riders.find(isAdvance({ "shop.saga.step.before": "WAIT_FOR_RIDER" }))?.links).toMatchObject([{ traceId }]);

    for (const spans of [order, riders])
      expect(spans.filter(({ parentSpanId }) => parentSpanId === undefined)).toMatchObject([
        { kind: "SERVER", resource: { "service.name": "frontend" } },
      ]);
    const batches = receiver.spans.filter(({ name }) => name === "process batch");
    for (const { links } of order.filter(({ name }) => name.startsWith("process ")))
      expect(batches.map(({ spanId }) => spanId)).toContain(links[0]?.spanId as string);
    expect(order.find(({ name }) => name === "POST /api/orders")?.attributes).toMatchObject({
      ...{ "http.request.method": "POST", "http.route": "/api/orders", "http.response.status_code": 201 },
      ...{ "url.path": "/api/orders", "url.scheme": "http" },
    });
    expect(order.find(({ name }) => name === "process product.commands")).toMatchObject({
      kind: "CONSUMER",
      attributes: {
        ...{ "messaging.system": "kafka", "messaging.operation.type": "process" },
        ...{ "messaging.destination.name": "product.commands", "messaging.consumer.group.name": "product" },
        ...{ "messaging.kafka.message.key": orderId, "shop.inbox.outcome": "applied" },
        "cloudevents.event_type": "DecreaseProductCommand",
      },
    });
    expect(order.find(({ name }) => name === "INSERT inbox")).toMatchObject({
      kind: "CLIENT",
      attributes: { "db.system.name": "postgresql", "db.operation.name": "INSERT", "db.collection.name": "inbox" },
    });
  });

  test("histograms of requests and of saga steps show traces in OpenMetrics", async () => {
    const { frontend, orchestrator } = shop.system.services;
    for (const [{ managementUrl }, name] of [
      [frontend, "http_request_duration_seconds"],
      [orchestrator, "saga_step_duration_seconds"],
    ] as const) {
      const response = await fetch(`${managementUrl}/metrics`, { headers: { accept: "application/openmetrics-text" } });
      const traces = (await response.text()).matchAll(
        new RegExp(`^${name}_bucket\\{.*# \\{trace_id="(\\w+)"\\}`, "gm"),
      );
      const [first] = Array.from(traces, ([, traceId = ""]) => traceId);
      await receiver.trace(first ?? "", (spans) => spans.length > 0);
    }
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
