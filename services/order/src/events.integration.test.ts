import { beforeAll, expect, test } from "bun:test";
import { Order, OrderEvent } from "@shop/contracts/http/order";
import { Problem } from "@shop/contracts/http/problem";
import { DeliveryCancelled, DeliveryCreated } from "@shop/contracts/messages/delivery";
import { CancelOrderCommand, CompleteOrderCommand } from "@shop/contracts/messages/order";
import { ProductDecreased, ProductIncreased } from "@shop/contracts/messages/product";
import { outgoing } from "@shop/messaging/outbox/outgoing";
import { uuidV7 } from "@shop/runtime/ids";
import type { ParticipantUnderTest } from "@shop/service/testing/participant-under-test";
import { eventually } from "@shop/testing/eventually";
import { sql } from "drizzle-orm";
import { customer, ordersUnderTest, tea } from "./testing/orders-under-test.ts";

const orders = ordersUnderTest();
let service: ParticipantUnderTest;
let twin: ParticipantUnderTest;
beforeAll(() => {
  ({ service, twin } = orders());
});
const placed = () => orders().placed();

interface Watched {
  readonly status: number;
  /** What has come so far: `id type progress saga-status saga-step`. */
  readonly lines: readonly string[];
  readonly comments: () => number;
  /** Waits until so many events have come, while the clock of the service continues. */
  has(count: number): Promise<void>;
  ended(): Promise<void>;
  leave(): Promise<void>;
}

async function watch(id: string, lastEventId?: string, via = service, who = customer): Promise<Watched> {
  const response = await via.app.request(`/api/orders/${id}/events`, {
    headers: {
      ...(await via.as("customer", who)),
      ...(lastEventId === undefined ? {} : { "last-event-id": lastEventId }),
    },
  });
  const lines: string[] = [];
  let text = "";
  let comments = 0;
  let isOver = false;
  const reader = response.body?.getReader();
  const reading = (async () => {
    for (;;) {
      const piece = await reader?.read();
      if (piece === undefined || piece.done) break;
      text += new TextDecoder().decode(piece.value);
      const blocks = text.split("\n\n");
      text = blocks.pop() ?? "";
      for (const block of blocks) {
        if (block.startsWith(":")) comments += 1;
        const match = /^id: (\d+)\ndata: (.+)$/.exec(block);
        if (match === null) continue;
        const { type, order, saga } = OrderEvent.parse(JSON.parse(match[2] ?? ""));
        expect(order.id).toBe(id);
        lines.push([match[1], type, order.status, order.progress, saga.status, saga.step].join(" "));
      }
    }
    isOver = true;
  })();
  const until = async (condition: () => boolean) => {
    for (let turn = 0; !condition(); turn += 1) {
      if (turn > 20_000) throw new Error(`it did not come; there is: ${lines.join(", ")}`);
      await via.clock.advance(50);
      await Bun.sleep(2);
    }
  };
  return {
    ...{ status: response.status, lines, comments: () => comments },
    has: (count) => until(() => lines.length >= count),
    async ended() {
      await until(() => isOver);
      await reading;
    },
    async leave() {
      await reader?.cancel();
    },
  };
}

const stockTaken = (orderId: string) => outgoing(ProductDecreased, orderId, { orderId, result: "SUCCESS" }, undefined);
const delivery = (orderId: string) => outgoing(DeliveryCreated, orderId, { orderId, deliveryId: uuidV7() }, undefined);
const complete = (orderId: string) => outgoing(CompleteOrderCommand, orderId, { orderId }, undefined);

test("a watcher is told the state, then every change in its order, and the stream ends with the last one", async () => {
  const id = await placed();
  const watched = await watch(id);
  await watched.has(1);
  await service.receive(stockTaken(id));
  await watched.has(2);
  // The saga retries when an answer is late, and then there are two: the second tells nothing new.
  for (let answer = 0; answer < 2; answer += 1) await service.receive(delivery(id));
  await service.receive(complete(id));
  await watched.ended();
  expect(watched.lines).toEqual([
    "1 STATE PENDING CREATED RUNNING DECREASE_PRODUCT",
    "2 STOCK_TAKEN PENDING STOCK_TAKEN RUNNING CREATE_DELIVERY",
    "3 WAITING_FOR_RIDER PENDING WAITING_FOR_RIDER RUNNING WAIT_FOR_RIDER",
    "4 COMPLETE COMPLETE COMPLETE COMPLETE COMPLETE_ORDER",
  ]);
});

test("the steps of a compensation are streamed as well", async () => {
  const id = await placed();
  const watched = await watch(id);
  const headers = await service.as("customer", customer);
  expect((await service.app.request(`/api/orders/${id}/cancel`, { method: "POST", headers })).status).toBe(202);
  const deliveryId = uuidV7();
  await service.receive(outgoing(DeliveryCancelled, id, { orderId: id, deliveryId, result: "SUCCESS" }, undefined));
  await service.receive(stockTaken(id), outgoing(ProductIncreased, id, { orderId: id }, undefined));
  const reason = "CANCELLED_BY_CUSTOMER";
  await service.receive(outgoing(CancelOrderCommand, id, { orderId: id, reason }, undefined));
  await watched.ended();
  expect(watched.lines).toEqual([
    "1 STATE PENDING CREATED RUNNING DECREASE_PRODUCT",
    "2 CANCELLING PENDING CANCELLING COMPENSATING ",
    "3 DELIVERY_CANCELLED PENDING CANCELLING COMPENSATING INCREASE_PRODUCT",
    "4 STOCK_RETURNED PENDING CANCELLING COMPENSATING CANCEL_ORDER",
    "5 CANCELLED CANCELLED CANCELLED CANCELLED CANCEL_ORDER",
  ]);
});

test("changes that another replica made are told too", async () => {
  const id = await placed();
  const watched = await watch(id);
  await twin.receive(stockTaken(id));
  await watched.has(2);
  await twin.receive(delivery(id));
  await watched.has(3);
  await watched.leave();
});

test("what happened while the database was away is told when it is back", async () => {
  const id = await placed();
  const watched = await watch(id);
  await watched.has(1);
  const { db } = service.context;
  const told = service.lines.length;
  await db.execute(sql`alter table orders rename to orders_away`);
  for (let look = 0; look < 5; look += 1) {
    await service.clock.advance(2_000);
    // The stream's comments and the next look.
    await eventually(() => expect(service.clock.sleeperCount).toBe(2));
  }
  expect(service.lines.slice(told).filter(({ level }) => level === "warn")).toHaveLength(1);
  await db.execute(sql`alter table orders_away rename to orders`);
  await twin.receive(stockTaken(id));
  await watched.has(2);
  await watched.leave();
});

test("who comes after all others have left is told as they were", async () => {
  await eventually(async () => {
    await service.clock.advance(1_000);
    expect(service.clock.sleeperCount).toBe(0);
  });
  const id = await placed();
  const watched = await watch(id);
  await watched.has(1);
  await service.receive(stockTaken(id));
  await watched.has(2);
  await watched.leave();
});

test("Last-Event-ID resumes behind that event with everything that was missed; 0 tells all of it", async () => {
  const id = await placed();
  await service.receive(stockTaken(id));
  await service.receive(delivery(id));
  const missed = await watch(id, "1");
  await missed.has(2);
  const everything = await watch(id, "0", twin);
  await everything.has(3);
  await service.receive(complete(id));
  await missed.ended();
  await everything.ended();
  expect(missed.lines.map((line) => line.split(" ").slice(0, 2).join(" "))).toEqual([
    "2 STOCK_TAKEN",
    "3 WAITING_FOR_RIDER",
    "4 COMPLETE",
  ]);
  expect(everything.lines.map((line) => line.split(" ")[1])).toEqual([
    "CREATED",
    "STOCK_TAKEN",
    "WAITING_FOR_RIDER",
    "COMPLETE",
  ]);
  expect((await watch(id, "4")).status).toBe(204);
  const late = await watch(id);
  await late.ended();
  expect(late.lines).toEqual(["4 STATE COMPLETE COMPLETE COMPLETE COMPLETE_ORDER"]);
});

test("a Last-Event-ID that no event has is refused, and another customer's order is unknown", async () => {
  const id = await placed();
  for (const bad of ["x", "-1", "1.5", "01", "2", "99999999999", ""]) expect((await watch(id, bad)).status).toBe(422);
  expect((await watch(id, undefined, service, uuidV7())).status).toBe(404);
  expect((await watch(uuidV7())).status).toBe(404);
});

test("a stream that is quiet sends a comment every five seconds", async () => {
  const watched = await watch(await placed());
  await watched.has(1);
  const before = watched.comments();
  for (let second = 0; second < 15; second += 1) {
    await service.clock.advance(1_000);
    await Bun.sleep(2);
  }
  await eventually(() => expect(watched.comments() - before).toBe(3));
  await watched.leave();
});

test("a customer has 5 streams of an order and 20 in all; one more is 429 with the reason, until one ends", async () => {
  const who = uuidV7();
  const placedBy = async () => {
    const response = await service.app.request("/api/orders", {
      method: "POST",
      headers: { ...(await service.as("customer", who)), "content-type": "application/json" },
      body: JSON.stringify({ items: [{ productId: tea, quantity: 1 }], deliveryAddress: "1 Sejong-daero" }),
    });
    return Order.parse(await response.json()).id;
  };
  const watched: Watched[] = [];
  for (let order = 0; order < 4; order += 1) {
    const id = await placedBy();
    for (let stream = 0; stream < 5; stream += 1) watched.push(await watch(id, undefined, service, who));
    expect((await watch(id, undefined, service, who)).status).toBe(429);
  }
  expect(watched.map(({ status }) => status)).toEqual(watched.map(() => 200));
  const path = `/api/orders/${await placedBy()}/events`;
  const refused = await service.app.request(path, { headers: await service.as("customer", who) });
  expect([refused.status, refused.headers.get("retry-after")]).toEqual([429, "5"]);
  expect(Problem.parse(await refused.json())).toMatchObject({
    code: "TOO_MANY_STREAMS",
    detail: "You have 20 event streams open already. Close one.",
  });
  // Others, an admin who watches the same order among them, have places of their own.
  const admin = await service.app.request(path, { headers: await service.as("admin", uuidV7()) });
  expect(admin.status).toBe(200);
  await admin.body?.cancel();
  await watched[0]?.leave();
  const next = await service.app.request(path, { headers: await service.as("customer", who) });
  expect(next.status).toBe(200);
  await next.body?.cancel();
  for (const { leave } of watched) await leave();
}, 120_000);

test("a stream ends with its access token, an admin's too, and goes on with a new one behind the last event", async () => {
  const id = await placed();
  const watched = await watch(id);
  const admins = await service.app.request(`/api/orders/${id}/events`, {
    headers: await service.as("admin", uuidV7()),
  });
  const told = admins.text();
  await watched.has(1);
  service.clock.setTimeOfDay(900_000);
  await watched.ended();
  expect(await told).toContain("id: 1\n");
  await service.receive(stockTaken(id));
  const resumed = await watch(id, "1");
  await resumed.has(1);
  expect([watched.lines.length, resumed.lines[0]?.split(" ")[1]]).toEqual([1, "STOCK_TAKEN"]);
  await resumed.leave();
});

test("HEAD and callers who leave are watchers no more", async () => {
  const id = await placed();
  const watchers = () => service.context.metrics.read("order_watchers");
  const before = watchers();
  const headers = await service.as("customer", customer);
  const head = await service.app.request(`/api/orders/${id}/events`, { method: "HEAD", headers });
  expect([head.status, head.headers.get("content-type")]).toEqual([200, "text/event-stream"]);
  expect(watchers()).toBe(before);
  const watched = await watch(id);
  await watched.has(1);
  expect(watchers()).toBe(Number(before) + 1);
  await watched.leave();
  expect(watchers()).toBe(before);
});
