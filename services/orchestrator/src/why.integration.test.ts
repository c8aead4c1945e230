import { afterAll, beforeAll, expect, test } from "bun:test";
import { SagaPicture } from "@shop/contracts/http/saga";
import { OrderExplanation } from "@shop/contracts/http/why";
import { OrderCancelRequested } from "@shop/contracts/messages/order";
import { outgoing } from "@shop/messaging/outbox/outgoing";
import { uuidV7 } from "@shop/runtime/ids";
import { participantUnderTest, type ParticipantUnderTest } from "@shop/service/testing/participant-under-test";
import { createTestDatabase, type TestDatabase } from "@shop/testing/database";
import { eventually } from "@shop/testing/eventually";
import { sql } from "drizzle-orm";
import { runSagaTimers } from "./saga/run.ts";
import { orderSagaVersions } from "./sagas/registry.ts";
import { orchestratorService } from "./service.ts";
import { created, delivery, newOrder, stockTaken } from "./testing/saga-messages.ts";

let database: TestDatabase;
let service: ParticipantUnderTest;
beforeAll(async () => {
  database = await createTestDatabase({ service: "orchestrator" });
  service = await participantUnderTest(orchestratorService, database.url);
}, 120_000);
afterAll(async () => {
  await service.close();
  await database.drop();
});

async function get(path: string) {
  const response = await service.app.request(path, { headers: await service.as("admin", uuidV7()) });
  expect(response.status).toBe(200);
  return response.json();
}
const why = async (orderId: string) => OrderExplanation.parse(await get(`/api/orders/${orderId}/why`));
async function pictureOf(orderId: string) {
  const [part] = (await why(orderId)).services;
  const id = part?.status === "ANSWERED" ? part.saga?.id : undefined;
  return SagaPicture.parse(await get(`/api/sagas/${id}/picture`));
}

/** Lets the timers look once, `ms` from now. */
async function wakeAfter(ms: number): Promise<void> {
  await service.clock.advance(ms);
  const stopping = new AbortController();
  const timers = runSagaTimers(service.context, stopping.signal, orderSagaVersions);
  await eventually(() => expect(service.clock.sleeperCount).toBe(1));
  stopping.abort();
  await timers;
}

test("a saga names the service that owes it an answer, since when, and when its command is sent again", async () => {
  const order = newOrder();
  await service.receive(created(order));
  const startedAt = new Date(service.clock.now()).toISOString();
  expect(await why(order.orderId)).toMatchObject({
    ...{ verdict: "IN_PROGRESS", service: "product", message: "DecreaseProductCommand", since: startedAt },
    next: { at: new Date(service.clock.now() + 5_000).toISOString(), attempt: 2 },
  });
  await wakeAfter(5_000);
  expect(await why(order.orderId)).toMatchObject({
    ...{ verdict: "NO_ANSWER", service: "product", since: startedAt },
    next: { at: new Date(service.clock.now() + 10_000).toISOString(), attempt: 3 },
    services: [{ saga: { lastSentAt: new Date(service.clock.now()).toISOString() } }],
  });
  await service.receive(stockTaken(order));
  expect(await why(order.orderId)).toMatchObject({ service: "delivery", message: "CreateDeliveryCommand" });
  await service.receive(delivery(order));
  expect(await why(order.orderId)).toMatchObject({ verdict: "WAITS_FOR_RIDER", service: null });
});

test("each command that is sent again is a log line with the order's id and the service that owes the answer", async () => {
  const order = newOrder();
  await service.receive(created(order));
  await wakeAfter(5_000);
  await wakeAfter(10_000);
  const lines = service.lines.filter((line) => line["orderId"] === order.orderId && line["command"]);
  expect(lines.map(({ level, service: owes, command, attempts }) => [level, owes, command, attempts])).toEqual([
    ["info", "product", "DecreaseProductCommand", 2],
    ["info", "product", "DecreaseProductCommand", 3],
  ]);
});

test("a saga's picture has the steps of its definition with times, retries, messages and compensation", async () => {
  const order = newOrder();
  await service.receive(created(order));
  await wakeAfter(5_000);
  await service.receive(stockTaken(order), delivery(order));
  const forward = await pictureOf(order.orderId);
  expect(
    forward.forward.map(({ name, kind, service: by, state, retries }) => [name, kind, by, state, retries]),
  ).toEqual([
    ["DECREASE_PRODUCT", "COMPENSATABLE", "product", "PAST", 1],
    ["CREATE_DELIVERY", "COMPENSATABLE", "delivery", "PAST", 0],
    ["WAIT_FOR_RIDER", "PIVOT", "delivery", "CURRENT", 0],
    ["COMPLETE_ORDER", "RETRIABLE", "order", "AHEAD", 0],
  ]);
  const [first] = forward.forward;
  expect(first).toMatchObject({ compensation: "INCREASE_PRODUCT", firstRetryMs: 5_000, deadlineMs: 600_000 });
  expect(Date.parse(first?.leftAt ?? "") - Date.parse(first?.enteredAt ?? "")).toBe(5_000);
  expect(forward.backward.map(({ name, state }) => [name, state])).toEqual([
    ["CANCEL_DELIVERY", "AHEAD"],
    ["INCREASE_PRODUCT", "AHEAD"],
    ["CANCEL_ORDER", "AHEAD"],
  ]);
  const { orderId } = order;
  const cancel = { ...order, reason: "CANCELLED_BY_CUSTOMER" } as const;
  await service.receive(outgoing(OrderCancelRequested, orderId, cancel, undefined));
  const back = await pictureOf(orderId);
  expect(back).toMatchObject({ reason: "CANCELLED_BY_CUSTOMER", version: 1, isKnownVersion: true });
  expect(back.backward[0]).toMatchObject({ state: "CURRENT", messages: ["OrderCancelRequested"] });
  await service.context.db.execute(sql`update saga set version = 99 where order_id = ${orderId}`);
  expect(await pictureOf(orderId)).toMatchObject({ isKnownVersion: false, forward: [], backward: [] });
  expect(await why(orderId)).toMatchObject({ verdict: "SAGA_CANNOT_GO_ON", service: "orchestrator" });
});

test("an order that the orchestrator has not heard of is explained by what it lacks", async () => {
  expect(await why(uuidV7())).toMatchObject({
    verdict: "NOT_STARTED",
    services: [{ service: "orchestrator", lag: 0 }],
  });
});
