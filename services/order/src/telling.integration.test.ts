import { afterAll, beforeAll, expect, test } from "bun:test";
import { Order } from "@shop/contracts/http/order";
import { DeliveryCancelled } from "@shop/contracts/messages/delivery";
import { OrderCancelRequested, OrderCreated } from "@shop/contracts/messages/order";
import { ProductChanged, ProductDecreased } from "@shop/contracts/messages/product";
import { inTransaction } from "@shop/database/transaction";
import { outgoing } from "@shop/messaging/outgoing";
import { uuidV7 } from "@shop/runtime/ids";
import { participantUnderTest, type ParticipantUnderTest } from "@shop/service/testing/participant-under-test";
import { createTestDatabase, type TestDatabase } from "@shop/testing/database";
import { eventually } from "@shop/testing/eventually";
import { sql } from "drizzle-orm";
import { orderService } from "./service.ts";
import { tellAgain } from "./use-cases/tell-again.ts";

let database: TestDatabase;
let service: ParticipantUnderTest;
let twin: ParticipantUnderTest;
const tea = uuidV7();
const customer = uuidV7();

beforeAll(async () => {
  database = await createTestDatabase({ service: "order" });
  service = await participantUnderTest(orderService, database.url);
  twin = await participantUnderTest(orderService, database.url);
  const product = { productId: tea, name: "Tea", price: 4_500, currency: "KRW", withdrawn: false, version: 1 } as const;
  await service.receive(outgoing(ProductChanged, tea, product, undefined));
}, 120_000);
afterAll(async () => {
  await service.close();
  await twin.close();
  await database.drop();
});

async function placed(): Promise<string> {
  const response = await service.app.request("/api/orders", {
    method: "POST",
    headers: { ...(await service.as("customer", customer)), "content-type": "application/json" },
    body: JSON.stringify({ items: [{ productId: tea, quantity: 2 }], deliveryAddress: "1 Sejong-daero" }),
  });
  return Order.parse(await response.json()).id;
}

/** Lets both replicas, whose clocks differ by some milliseconds, look once, `ms` from now, and gives what was told about an order. */
async function toldAfter(ms: number, orderId: string) {
  for (const { clock } of [service, twin]) await clock.advance(ms);
  const stopping = new AbortController();
  const telling = [service, twin].map(({ context }) => tellAgain(context, stopping.signal));
  await eventually(() => expect([service.clock.sleeperCount, twin.clock.sleeperCount]).toEqual([1, 1]));
  stopping.abort();
  await Promise.all(telling);
  return (await service.takeSent()).filter(({ key }) => key === orderId);
}
const stockTaken = (orderId: string) => outgoing(ProductDecreased, orderId, { orderId, result: "SUCCESS" }, undefined);

test("an order that the saga shows no sign of is told again, the same, after ever longer pauses, by one replica", async () => {
  const id = await placed();
  const [first] = await service.takeSent();
  expect(await toldAfter(29_000, id)).toEqual([]);
  const again = await toldAfter(2_000, id);
  expect(again.map(({ type }) => type)).toEqual([OrderCreated.type]);
  expect(again[0]?.data).toEqual(first?.data);
  expect(await toldAfter(29_000, id)).toEqual([]);
  expect(await toldAfter(4_000, id)).toHaveLength(1);
  expect(await toldAfter(59_000, id)).toEqual([]);
  expect(await toldAfter(9_000, id)).toHaveLength(1);
  await service.receive(stockTaken(id));
  expect(await toldAfter(3_600_000, id)).toEqual([]);
});

test("a request to cancel is told again, with its reason, until the order is on its way back", async () => {
  const id = await placed();
  await service.receive(stockTaken(id));
  const headers = await service.as("admin", uuidV7());
  await service.app.request(`/api/orders/${id}/cancel`, { method: "POST", headers });
  await service.takeSent();
  const [again] = await toldAfter(30_000, id);
  expect(again).toMatchObject({ type: OrderCancelRequested.type, data: { orderId: id, reason: "CANCELLED_BY_ADMIN" } });
  await service.receive(
    outgoing(DeliveryCancelled, id, { orderId: id, deliveryId: uuidV7(), result: "SUCCESS" }, undefined),
  );
  expect(await toldAfter(3_600_000, id)).toEqual([]);
});

test("while messages wait in the outbox because the broker is away nothing is told again", async () => {
  const id = await placed();
  await service.takeSent();
  const { db } = service.context;
  await inTransaction(db, (tx) => tx.execute(sql`update outbox set created_at = now() - interval '1 minute'`));
  expect(await toldAfter(60_000, id)).toEqual([]);
  await inTransaction(db, (tx) => tx.execute(sql`update outbox set sent_at = now()`));
  expect(await toldAfter(60_000, id)).toHaveLength(1);
});
