import { afterAll, beforeAll, expect, test } from "bun:test";
import { Saga } from "@shop/contracts/http/saga";
import {
  CancelDeliveryCommand,
  CreateDeliveryCommand,
  DeliveryCancelled,
  DeliveryCompleted,
  DeliveryCreated,
} from "@shop/contracts/messages/delivery";
import {
  CancelOrderCommand,
  CompleteOrderCommand,
  OrderCancelRequested,
  OrderCreated,
  type OrderSnapshot,
} from "@shop/contracts/messages/order";
import { DecreaseProductCommand, IncreaseProductCommand, ProductIncreased } from "@shop/contracts/messages/product";
import { outgoing } from "@shop/messaging/outbox/outgoing";
import { uuidV7 } from "@shop/runtime/ids";
import { participantUnderTest, type ParticipantUnderTest } from "@shop/service/testing/participant-under-test";
import { createTestDatabase, type TestDatabase } from "@shop/testing/database";
import { eventually } from "@shop/testing/eventually";
import { settled } from "@shop/testing/settled";
import { sql } from "drizzle-orm";
import { runSagaTimers } from "./saga/run.ts";
import { orderSagaVersions } from "./sagas/registry.ts";
import { orchestratorService } from "./service.ts";
import { completed, created, newOrder, stockTaken } from "./testing/saga-messages.ts";

let database: TestDatabase;
let service: ParticipantUnderTest;
let twin: ParticipantUnderTest;
const admin = uuidV7();
const traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

const idsOf = (orders: readonly OrderSnapshot[]) => orders.map(({ orderId }) => orderId);
const types = async () => (await service.takeSent()).map(({ type }) => type);

async function sagaOf({ orderId }: OrderSnapshot): Promise<Saga> {
  const response = await service.app.request(`/api/sagas?orderId=${orderId}`, {
    headers: await service.as("admin", admin),
  });
  const { items } = (await response.json()) as { items: unknown[] };
  return Saga.parse(items[0]);
}

/** What the timers of `service` do when they look once, `ms` from now. */
async function wakeAfter(ms: number): Promise<void> {
  await service.clock.advance(ms);
  const stopping = new AbortController();
  const timers = runSagaTimers(service.context, stopping.signal, orderSagaVersions);
  await eventually(() => expect(service.clock.sleeperCount).toBe(1));
  stopping.abort();
  await timers;
}

/** Waits for what both replicas do, and lets their clocks go on: the second of two that change one saga retries after a pause. */
async function untilDone(works: readonly Promise<void>[]): Promise<void> {
  let done = 0;
  const all = Promise.all(works.map((work) => work.then(() => (done += 1))));
  await eventually(async () => {
    await Promise.all([service.clock.advance(100), twin.clock.advance(100)]);
    expect(done).toBe(works.length);
  });
  await all;
}

beforeAll(async () => {
  database = await createTestDatabase({ service: "orchestrator" });
  service = await participantUnderTest(orchestratorService, database.url);
  twin = await participantUnderTest(orchestratorService, database.url);
}, 120_000);
afterAll(async () => {
  await service.close();
  await twin.close();
  await database.drop();
});

test("a saga is stored with each step, and its history tells how it came to its end", async () => {
  const order = newOrder();
  const { orderId } = order;
  const deliveryId = uuidV7();
  await service.receive(created(order));
  await service.receive(stockTaken(order));
  await service.receive(outgoing(DeliveryCreated, orderId, { orderId, deliveryId }, undefined));
  const waiting = await sagaOf(order);
  expect(waiting).toMatchObject({ orderId, status: "RUNNING", step: "WAIT_FOR_RIDER", deadline: null, attempts: 0 });
  const completedAt = new Date().toISOString();
  await service.receive(
    outgoing(DeliveryCompleted, orderId, { orderId, deliveryId, riderId: uuidV7(), completedAt }, undefined),
  );
  await service.receive(completed(order));
  expect(await types()).toEqual([DecreaseProductCommand.type, CreateDeliveryCommand.type, CompleteOrderCommand.type]);
  const ended = await sagaOf(order);
  expect(ended).toMatchObject({ status: "COMPLETE" });
  expect(ended.history.map(({ message, step }) => `${message} → ${step}`)).toEqual([
    "OrderCreated → DECREASE_PRODUCT",
    "ProductDecreased → CREATE_DELIVERY",
    "DeliveryCreated → WAIT_FOR_RIDER",
    "DeliveryCompleted → COMPLETE_ORDER",
    "OrderCompleted → COMPLETE_ORDER",
  ]);
});

test("a history is in the order in which it happened, whatever is done to the time of day", async () => {
  const order = newOrder();
  await service.receive(created(order));
  service.clock.setTimeOfDay(-3_600_000);
  await service.receive(stockTaken(order));
  service.clock.setTimeOfDay(3_600_000);
  const { history } = await sagaOf(order);
  expect(history.map(({ message }) => message)).toEqual(["OrderCreated", "ProductDecreased"]);
});

test("an order that is compensated goes on from each stored step, for the reason and in the trace of the request", async () => {
  const order = newOrder();
  const { orderId } = order;
  const reason = "CANCELLED_BY_CUSTOMER";
  await service.receive(created(order));
  await service.receive(stockTaken(order));
  await service.receive(outgoing(OrderCancelRequested, orderId, { ...order, reason }, traceparent));
  await service.receive(
    outgoing(DeliveryCancelled, orderId, { orderId, deliveryId: uuidV7(), result: "SUCCESS" }, traceparent),
  );
  await service.receive(outgoing(ProductIncreased, orderId, { orderId }, traceparent));
  const commands = (await service.takeSent()).filter(({ key }) => key === orderId);
  expect(commands.slice(2)).toMatchObject([
    { type: CancelDeliveryCommand.type, key: orderId },
    { type: IncreaseProductCommand.type, key: orderId },
    { type: CancelOrderCommand.type, key: orderId, data: { orderId, reason } },
  ]);
  const traces = await service.context.db.execute<{ trace: string }>(sql`
    select substr(payload ->> 'traceparent', 4, 32) as trace from outbox where key = ${orderId} order by id offset 2`);
  expect(traces.map(({ trace }) => trace)).toEqual(Array.from({ length: 3 }, () => traceparent.slice(3, 35)));
});

test("several messages of one order that come together are applied in their order", async () => {
  const order = newOrder();
  await service.receive(
    created(order),
    stockTaken(order),
    outgoing(OrderCancelRequested, order.orderId, { ...order, reason: "CANCELLED_BY_CUSTOMER" }, undefined),
  );
  expect(await types()).toEqual([DecreaseProductCommand.type, CreateDeliveryCommand.type, CancelDeliveryCommand.type]);
  expect(await sagaOf(order)).toMatchObject({ status: "COMPENSATING", step: "CANCEL_DELIVERY" });
});

test("a message whose key does not name its order to the letter is a dead letter, and the others go on", async () => {
  const [order, other, next] = [newOrder(), newOrder(), newOrder()];
  const shouted = outgoing(OrderCreated, order.orderId.toUpperCase(), order, undefined);
  const misdirected = outgoing(OrderCreated, other.orderId, order, undefined);
  expect(await settled(service.receive(created(order), shouted, misdirected, created(next)))).toBeUndefined();
  expect((await service.takeSent()).map(({ key }) => key)).toEqual([order.orderId, next.orderId]);
  const deadLetters = await service.context.db.execute(sql`select cause from dead_letter`);
  expect(deadLetters.map(({ cause }) => cause)).toEqual(["REFUSED", "REFUSED"]);
});

test("two replicas that hear of the same orders at once begin each saga once and take each step once", async () => {
  const orders = Array.from({ length: 40 }, newOrder);
  const bothReceive = (messageOf: typeof created) =>
    untilDone([service.receive(...orders.map(messageOf)), twin.receive(...orders.toReversed().map(messageOf))]);
  await bothReceive(created);
  await bothReceive(stockTaken);
  const all = await types();
  expect(all.filter((type) => type === DecreaseProductCommand.type)).toHaveLength(40);
  expect(all.filter((type) => type === CreateDeliveryCommand.type)).toHaveLength(40);
});

test("an order and the request to cancel it that come to two replicas at once are one saga, which cancels the order", async () => {
  const orders = Array.from({ length: 40 }, newOrder);
  const cancels = orders.map((order) =>
    outgoing(OrderCancelRequested, order.orderId, { ...order, reason: "CANCELLED_BY_CUSTOMER" }, undefined),
  );
  await untilDone([
    ...orders.map((order) => service.receive(created(order))),
    ...cancels.map((one) => twin.receive(one)),
  ]);
  for (const order of orders) expect(await sagaOf(order)).toMatchObject({ status: "COMPENSATING" });
  await service.takeSent();
});

test("timers at two replicas ask a silent participant again once per interval, and cancel the order at the deadline", async () => {
  const order = newOrder();
  await service.receive(created(order));
  expect(await types()).toEqual([DecreaseProductCommand.type]);
  const stopping = new AbortController();
  const timers = [service, twin].map(({ context }) => runSagaTimers(context, stopping.signal, orderSagaVersions));
  const untilBothSleep = () => eventually(() => expect(service.clock.sleeperCount + twin.clock.sleeperCount).toBe(2));
  /** A timer that is at work while the clock goes on has read the time before; so both look once more at its end. */
  const advance = async (ms: number) => {
    for (const part of [ms, 500]) {
      await untilBothSleep();
      await Promise.all([service.clock.advance(part), twin.clock.advance(part)]);
    }
  };
  await advance(5_000);
  await eventually(async () => expect((await sagaOf(order)).attempts).toBe(2));
  await advance(600_000);
  await eventually(async () => expect((await sagaOf(order)).status).toBe("COMPENSATING"));
  stopping.abort();
  await Promise.all(timers);
  const sentByTimers = await service.takeSent();
  const ours = sentByTimers.filter(({ key }) => key === order.orderId).map(({ type }) => type);
  expect(ours).toEqual([DecreaseProductCommand.type, IncreaseProductCommand.type]);
  expect((await sagaOf(order)).history.at(-1)).toMatchObject({
    message: null,
    detail: "TIMED_OUT: compensate with INCREASE_PRODUCT",
  });
});

test("sagas are for admins only, and filters that are unknown are refused", async () => {
  const ask = async (path: string, role: "admin" | "customer" = "admin") =>
    (await service.app.request(path, { headers: await service.as(role, admin) })).status;
  expect(await ask("/api/sagas", "customer")).toBe(403);
  expect(await ask("/api/sagas?status=RUNNING&step=WAIT_FOR_RIDER&limit=5")).toBe(200);
  expect(await ask("/api/sagas?status=STUCK")).toBe(200);
  expect(await ask("/api/sagas?status=NONSENSE")).toBe(422);
  expect(await ask(`/api/sagas/${uuidV7()}`)).toBe(404);
});

test("a saga whose row is broken is stuck and holds up neither the messages nor the timers that come with it", async () => {
  const [healthy, emptied, misplaced] = [newOrder(), newOrder(), newOrder()];
  const all = [healthy, emptied, misplaced];
  await service.receive(...all.map(created));
  await types();
  const { db } = service.context;
  await db.execute(sql`update saga set data = '{}' where order_id = ${emptied.orderId}`);
  await db.execute(sql`update saga set step = 'NO_SUCH_STEP' where order_id = ${misplaced.orderId}`);

  await service.receive(...all.map(stockTaken));
  expect((await service.takeSent()).map(({ type, key }) => [type, key])).toEqual([
    [CreateDeliveryCommand.type, healthy.orderId],
  ]);
  const deadLetters = await db.execute<{ key: string }>(sql`select key from dead_letter`);
  expect(deadLetters.filter(({ key }) => idsOf(all).includes(key))).toEqual([]);
  const stuck = await sagaOf(emptied);
  expect(stuck).toMatchObject({ status: "STUCK", step: "DECREASE_PRODUCT" });
  expect(stuck.history.at(-1)).toMatchObject({ message: "ProductDecreased" });
  expect(stuck.history.at(-1)?.detail).toStartWith("stuck: it cannot go on: ");

  // All three are due by now: the healthy one asks again, the broken ones stay stuck without a further word.
  await wakeAfter(600_000);
  expect((await service.takeSent()).filter(({ key }) => idsOf(all).includes(key)).map(({ key }) => key)).toEqual([
    healthy.orderId,
  ]);
  const told = service.lines.filter(
    ({ message, orderId }) => message.includes("stuck") && idsOf(all).includes(String(orderId)),
  );
  expect(new Set(told.map(({ orderId }) => orderId))).toEqual(new Set([emptied.orderId, misplaced.orderId]));
  expect(told.every(({ remedy }) => remedy !== undefined)).toBe(true);

  // Repaired, it continues by itself.
  await db.execute(sql`update saga set data = ${JSON.stringify(emptied)}::jsonb where order_id = ${emptied.orderId}`);
  await wakeAfter(60_000);
  expect((await service.takeSent()).some(({ key }) => key === emptied.orderId)).toBe(true);
});
