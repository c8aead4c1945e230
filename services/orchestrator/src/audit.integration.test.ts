import { afterAll, beforeAll, expect, test } from "bun:test";
import {
  DeliveriesReported,
  OrdersReported,
  ReportOrdersCommand,
  ReservationsReported,
} from "@shop/contracts/messages/audit";
import type { OrderSnapshot } from "@shop/contracts/messages/order";
import { outgoing } from "@shop/messaging/outbox/outgoing";
import { participantUnderTest, type ParticipantUnderTest } from "@shop/service/testing/participant-under-test";
import { createTestDatabase, type TestDatabase } from "@shop/testing/database";
import { eventually } from "@shop/testing/eventually";
import { orchestratorService } from "./service.ts";
import { completed, created, delivered, delivery, newOrder, stockTaken } from "./testing/saga-messages.ts";
import { auditBooks } from "./use-cases/audit-books.ts";

let database: TestDatabase;
let service: ParticipantUnderTest;
let stopping: AbortController;
let auditing: Promise<void>;

beforeAll(async () => {
  database = await createTestDatabase({ service: "orchestrator" });
  service = await participantUnderTest(orchestratorService, database.url);
  stopping = new AbortController();
}, 120_000);
afterAll(async () => {
  stopping.abort();
  await auditing;
  await service.close();
  await database.drop();
});

/** Takes orders to where they wait for a rider. */
async function waitForRider(...orders: readonly OrderSnapshot[]): Promise<void> {
  await service.receive(...orders.map(created));
  await service.receive(...orders.map(stockTaken));
  await service.receive(...orders.map(delivery));
}

interface Question {
  readonly auditId: string;
  readonly orderIds: readonly string[];
}

/** Lets the audit look again, and gives its question about orders, if it has one. */
async function look(): Promise<Question | undefined> {
  await eventually(() => expect(service.clock.sleeperCount).toBe(1));
  await service.clock.advance(5_000);
  await eventually(() => expect(service.clock.sleeperCount).toBe(1));
  const sent = (await service.takeSent()).find(({ type }) => type === ReportOrdersCommand.type);
  return sent && ReportOrdersCommand.data.parse(sent.data);
}

/** The next question within `ms`. */
async function question(ms: number): Promise<Question> {
  for (let waited = 0; waited < ms; waited += 5_000) {
    const asked = await look();
    if (asked) return asked;
  }
  throw new Error(`the audit has not asked within ${ms} ms`);
}

/** What the three services tell of orders that wait for a rider. `holding` are those whose stock is taken. */
async function answer(
  auditId: string,
  orders: readonly OrderSnapshot[],
  holding: readonly OrderSnapshot[],
): Promise<void> {
  const told = { auditId };
  await service.receive(
    outgoing(
      OrdersReported,
      auditId,
      { ...told, orders: orders.map(({ orderId }) => ({ orderId, status: "PENDING" as const, cancelReason: null })) },
      undefined,
    ),
    outgoing(
      DeliveriesReported,
      auditId,
      { ...told, deliveries: orders.map(({ orderId }) => ({ orderId, status: "PENDING" as const })) },
      undefined,
    ),
  );
  await service.receive(outgoing(ReservationsReported, auditId, { ...told, reservations: [...holding] }, undefined));
}

const drift = () => service.context.metrics.read("books_drift_orders");
const errors = () => service.lines.filter(({ level }) => level === "error");

test("an order on which the services do not agree is reported once, by its id, and forgotten when they agree again", async () => {
  const [sound, broken] = [newOrder(), newOrder()];
  await service.receive(created(sound), created(broken));
  await service.clock.advance(60_000);
  await waitForRider(sound);
  await waitForRider(broken);
  await service.takeSent();
  auditing = auditBooks(service.context, stopping.signal);

  expect(await look()).toBeUndefined();
  const first = await question(65_000);
  expect(first.orderIds.toSorted()).toEqual([sound.orderId, broken.orderId].toSorted());
  await answer(first.auditId, [sound, broken], [sound]);
  expect(errors()).toEqual([]);

  const second = await question(5_000);
  expect(drift()).toBe(0);
  expect(second.orderIds).toEqual([broken.orderId]);
  await answer(second.auditId, [broken], []);
  expect(errors()).toHaveLength(1);
  expect(errors()[0]).toMatchObject({
    orderId: broken.orderId,
    detail: "the saga is WAITING_FOR_RIDER, but the order holds no stock",
  });

  const third = await question(5_000);
  expect(drift()).toBe(1);
  await answer(third.auditId, [broken], []);
  expect(errors()).toHaveLength(1);

  const fourth = await question(5_000);
  await answer(fourth.auditId, [broken], [broken]);
  await look();
  expect(drift()).toBe(0);
}, 120_000);

test("an unanswered audit round is asked again, and its late reports are ignored", async () => {
  const unanswered = await question(65_000);
  expect(unanswered.orderIds).toHaveLength(2);
  expect(await look()).toBeUndefined();
  const again = await question(65_000);
  expect(again.orderIds).toEqual(unanswered.orderIds);
  await answer(unanswered.auditId, [], []);
  await look();
  expect(drift()).toBe(0);
}, 120_000);

test("a disagreement is reported only when it is met twice while the saga has not moved in between", async () => {
  const order = newOrder();
  await waitForRider(order);
  const asksAbout = async () => {
    const asked = await question(130_000);
    if (!asked.orderIds.includes(order.orderId)) throw new Error("the audit asks about others");
    return asked.auditId;
  };
  const reports = () => errors().filter(({ orderId }) => orderId === order.orderId);
  await answer(await asksAbout(), [order], []);
  await service.receive(delivered(order));
  await service.receive(completed(order));
  await answer(await asksAbout(), [order], []);
  expect(reports()).toEqual([]);
  await answer(await asksAbout(), [order], []);
  expect(reports()).toHaveLength(1);
}, 120_000);

test("a walk comes to every order, however many there are", async () => {
  const orders = Array.from({ length: 600 }, newOrder);
  await waitForRider(...orders);
  const waiting = new Map(orders.map((order) => [order.orderId, order]));
  // Most rounds are about the disagreements that the test before has left; a walk begins a minute after the last one.
  for (let rounds = 0; rounds < 40 && waiting.size > 0; rounds += 1) {
    const { auditId, orderIds } = await question(70_000);
    const asked = orderIds.flatMap((orderId) => waiting.get(orderId) ?? []);
    await answer(auditId, asked, asked);
    for (const { orderId } of asked) waiting.delete(orderId);
  }
  expect(waiting.size).toBe(0);
}, 120_000);
