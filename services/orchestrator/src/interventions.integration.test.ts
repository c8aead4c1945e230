import { afterAll, beforeAll, expect, test } from "bun:test";
import { Saga } from "@shop/contracts/http/saga";
import { CancelDeliveryCommand, CreateDeliveryCommand } from "@shop/contracts/messages/delivery";
import {
  CompleteOrderCommand,
  OrderCancelRequested,
  OrderCompleted,
  type OrderSnapshot,
} from "@shop/contracts/messages/order";
import { DecreaseProductCommand, IncreaseProductCommand } from "@shop/contracts/messages/product";
import { outgoing } from "@shop/messaging/outbox/outgoing";
import { uuidV7 } from "@shop/runtime/ids";
import { participantUnderTest, type ParticipantUnderTest } from "@shop/service/testing/participant-under-test";
import { createTestDatabase, type TestDatabase } from "@shop/testing/database";
import { eventually } from "@shop/testing/eventually";
import { sql } from "drizzle-orm";
import { orderSagaVersions } from "./sagas/registry.ts";
import { runSagaTimers } from "./saga/run.ts";
import { watchSagas } from "./saga/watch.ts";
import { orchestratorService } from "./service.ts";
import { created, delivered, delivery, newOrder, stockTaken } from "./testing/saga-messages.ts";

const admin = uuidV7();
const MINUTE = 60_000;
let database: TestDatabase;
let service: ParticipantUnderTest;
let twin: ParticipantUnderTest;

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

/** An order whose stock is being taken. */
async function begun(): Promise<OrderSnapshot> {
  const order = newOrder();
  await service.receive(created(order));
  return order;
}

/** An order that waits for a rider. */
async function waiting(): Promise<OrderSnapshot> {
  const order = await begun();
  await service.receive(stockTaken(order), delivery(order));
  return order;
}

async function sagaOf({ orderId }: OrderSnapshot): Promise<Saga> {
  const headers = await service.as("admin", admin);
  const response = await service.app.request(`/api/sagas?orderId=${orderId}`, { headers });
  const { items } = (await response.json()) as { items: unknown[] };
  return Saga.parse(items[0]);
}

/** How many sagas of an order the list has that asks for a status or a step. */
async function listedAs(filter: string, { orderId }: OrderSnapshot): Promise<number> {
  const headers = await service.as("admin", admin);
  const response = await service.app.request(`/api/sagas?orderId=${orderId}&${filter}`, { headers });
  return ((await response.json()) as { items: unknown[] }).items.length;
}

async function ask(order: OrderSnapshot, what: "retry" | "cancel", via = service) {
  const { id } = await sagaOf(order);
  const headers = await via.as("admin", admin);
  const response = await via.app.request(`/api/sagas/${id}/${what}`, { method: "POST", headers });
  return { status: response.status, body: (await response.json()) as Record<string, unknown> };
}

const sentAbout = async ({ orderId }: OrderSnapshot) =>
  (await service.takeSent()).filter(({ key }) => key === orderId).map(({ type }) => type);

/** What the timers do when they look once, `ms` from now. */
async function wakeAfter(ms: number): Promise<void> {
  await service.clock.advance(ms);
  await twin.clock.advance(ms);
  const stopping = new AbortController();
  const timers = runSagaTimers(service.context, stopping.signal, orderSagaVersions);
  await eventually(() => expect(service.clock.sleeperCount).toBe(1));
  stopping.abort();
  await timers;
}

async function metricsOnceCounted(): Promise<string> {
  const stopping = new AbortController();
  const watching = watchSagas(service.context, stopping.signal, orderSagaVersions);
  await eventually(() => expect(service.clock.sleeperCount).toBe(1));
  stopping.abort();
  await watching;
  return service.context.metrics.expose();
}

test("a retry asks the current step at once, its attempts begin anew, and the history names the admin", async () => {
  const order = await begun();
  await wakeAfter(5_000);
  await wakeAfter(10_000);
  expect((await sagaOf(order)).attempts).toBe(3);
  await sentAbout(order);

  const { status, body } = await ask(order, "retry");
  expect(status).toBe(202);
  const saga = Saga.parse(body);
  expect(saga).toMatchObject({ status: "RUNNING", step: "DECREASE_PRODUCT", attempts: 1 });
  expect(saga.deadline).toBe(new Date(service.clock.now() + 10 * MINUTE).toISOString());
  expect(saga.history.at(-1)).toMatchObject({ message: null, detail: `retried at once, by admin ${admin}` });
  expect(await sentAbout(order)).toEqual([DecreaseProductCommand.type]);
});

test("what an admin asks of a saga is in the audit trail, and what is refused is not", async () => {
  const order = await begun();
  const { id } = await sagaOf(order);
  await ask(order, "retry");
  await ask(order, "cancel");
  const about = { actor: { id: admin, role: "admin" }, subject: { type: "saga", id } };
  const place = { status: "RUNNING", step: "DECREASE_PRODUCT" };
  const refused = await service.entriesAbout(id);
  expect(refused).toMatchObject([
    { ...about, action: "SAGA_RETRIED", before: { ...place, orderId: order.orderId }, after: place },
    { ...about, action: "SAGA_CANCELLED", before: place, after: { status: "COMPENSATING" } },
  ]);
});

test("a command that is sent again because nobody answers is in the trace that began the order", async () => {
  const order = await begun();
  expect(await sentAbout(order)).toEqual([DecreaseProductCommand.type]);
  await wakeAfter(5_000);
  expect(await sentAbout(order)).toEqual([DecreaseProductCommand.type]);
  const commands = await service.context.db.execute<{ trace: string }>(sql`
    select substr(payload ->> 'traceparent', 4, 32) as trace from outbox where key = ${order.orderId}`);
  expect(commands).toHaveLength(2);
  expect(new Set(commands.map(({ trace }) => trace)).size).toBe(1);
});

test("a retry at two replicas at once, and its repetitions, ask once", async () => {
  const order = await begun();
  await wakeAfter(5_000);
  await sentAbout(order);
  const answers = await Promise.all([
    ask(order, "retry"),
    ask(order, "retry", twin),
    ask(order, "retry"),
    ask(order, "retry", twin),
  ]);
  expect(answers.map(({ status }) => status)).toEqual([202, 202, 202, 202]);
  expect(await sentAbout(order)).toEqual([DecreaseProductCommand.type]);
});

test("a cancel compensates what was done, once, for the reason that an admin's cancel of the order has, and names the admin", async () => {
  const order = await waiting();
  await sentAbout(order);
  const first = await ask(order, "cancel");
  expect(first.status).toBe(202);
  expect(first.body).toMatchObject({ status: "COMPENSATING", step: "CANCEL_DELIVERY" });
  expect(Saga.parse(first.body).history.at(-1)?.detail).toBe(
    `CANCELLED_BY_ADMIN: compensate with CANCEL_DELIVERY, by admin ${admin}`,
  );
  expect((await ask(order, "cancel", twin)).status).toBe(202);
  await service.receive(
    outgoing(OrderCancelRequested, order.orderId, { ...order, reason: "CANCELLED_BY_ADMIN" }, undefined),
  );
  expect(await sentAbout(order)).toEqual([CancelDeliveryCommand.type]);
});

test("a cancel that races the rider is decided by who was first, and never compensates what was delivered", async () => {
  const orders = await Promise.all(Array.from({ length: 10 }, waiting));
  await service.takeSent();
  await Promise.all([service.receive(...orders.map(delivered)), ...orders.map((order) => ask(order, "cancel", twin))]);
  for (const order of orders) expect(await sagaOf(order)).toMatchObject({ status: "RUNNING", step: "COMPLETE_ORDER" });
  const sent = await service.takeSent();
  for (const { orderId } of orders)
    expect(sent.filter(({ key, type }) => key === orderId && type === CompleteOrderCommand.type)).toHaveLength(1);
});

test("a delivered order cannot be cancelled, and the answer says what to do; an ended one can neither be cancelled nor retried", async () => {
  const order = await waiting();
  await service.receive(delivered(order));
  const refused = await ask(order, "cancel");
  expect([refused.status, refused.body["code"]]).toEqual([409, "SAGA_PAST_PIVOT"]);
  expect(refused.body["detail"]).toContain("retry it");
  await service.receive(outgoing(OrderCompleted, order.orderId, { orderId: order.orderId }, undefined));
  for (const what of ["cancel", "retry"] as const) {
    const ended = await ask(order, what);
    expect([ended.status, ended.body["code"]]).toEqual([409, "SAGA_ENDED"]);
  }
});

test("a stuck saga is counted and told of once; a retry takes the mark away and gives it its time anew", async () => {
  const order = await waiting();
  await service.receive(delivered(order));
  await wakeAfter(11 * MINUTE);
  await wakeAfter(1 * MINUTE);
  expect(await sagaOf(order)).toMatchObject({ status: "STUCK", step: "COMPLETE_ORDER" });
  expect([await listedAs("status=STUCK", order), await listedAs("status=RUNNING", order)]).toEqual([1, 0]);
  expect(await Promise.all(["COMPLETE_ORDER", "CANCEL_ORDER"].map((step) => listedAs(`step=${step}`, order)))).toEqual([
    1, 0,
  ]);
  const told = service.lines.filter(({ orderId, level }) => orderId === order.orderId && level === "warn");
  expect(told).toHaveLength(1);
  expect(told[0]).toMatchObject({ step: "COMPLETE_ORDER" });
  expect(told[0]?.["remedy"]).toContain("/retry");

  const before = await metricsOnceCounted();
  expect(Number(/^sagas_stuck (\d+)$/m.exec(before)?.[1])).toBeGreaterThan(0);
  expect(Number(/^sagas_stuck_oldest_seconds (\d+)/m.exec(before)?.[1])).toBeGreaterThanOrEqual(60);
  expect(before).toMatch(/^sagas\{status="RUNNING"\} \d+$/m);

  await sentAbout(order);
  expect((await ask(order, "retry")).body).toMatchObject({ status: "RUNNING", attempts: 1 });
  expect([await listedAs("status=STUCK", order), await listedAs("status=RUNNING", order)]).toEqual([0, 1]);
  expect(await sentAbout(order)).toEqual([CompleteOrderCommand.type]);
  const stuckBefore = /^sagas_stuck (\d+)$/m.exec(before)?.[1];
  const stuckAfter = /^sagas_stuck (\d+)$/m.exec(await metricsOnceCounted())?.[1];
  expect(Number(stuckAfter)).toBe(Number(stuckBefore) - 1);
});

test("a cancel of a saga that is stuck while compensating asks again at once", async () => {
  const order = await begun();
  await ask(order, "cancel");
  await wakeAfter(11 * MINUTE);
  expect((await sagaOf(order)).status).toBe("STUCK");
  await sentAbout(order);
  expect((await ask(order, "cancel")).body).toMatchObject({ status: "COMPENSATING", step: "INCREASE_PRODUCT" });
  expect(await sentAbout(order)).toEqual([IncreaseProductCommand.type]);
});

test("a saga of a version that no running release knows is shown as stuck, and what an admin asks for is refused with the reason", async () => {
  const order = await begun();
  await service.context.db.execute(sql`update saga set version = 99 where order_id = ${order.orderId}`);
  await wakeAfter(2 * MINUTE);
  await metricsOnceCounted();
  expect((await sagaOf(order)).status).toBe("STUCK");
  const refused = await ask(order, "retry");
  expect([refused.status, refused.body["code"]]).toEqual([409, "SAGA_CANNOT_GO_ON"]);
  expect(refused.body["detail"]).toContain("version 99");
});

test("stepping in is for admins, and an unknown saga is 404", async () => {
  const { id } = await sagaOf(await begun());
  const call = async (path: string, role: "admin" | "customer" | "rider") =>
    (await service.app.request(path, { method: "POST", headers: await service.as(role, admin) })).status;
  for (const what of ["retry", "cancel"]) {
    expect(await call(`/api/sagas/${id}/${what}`, "customer")).toBe(403);
    expect(await call(`/api/sagas/${id}/${what}`, "rider")).toBe(403);
    expect(await call(`/api/sagas/${uuidV7()}/${what}`, "admin")).toBe(404);
  }
});

test("a retry while it waits for a rider asks how the delivery stands", async () => {
  const order = await waiting();
  await sentAbout(order);
  await ask(order, "retry");
  expect(await sentAbout(order)).toEqual([CreateDeliveryCommand.type]);
  expect(await sagaOf(order)).toMatchObject({ status: "RUNNING", step: "WAIT_FOR_RIDER", deadline: null });
});
