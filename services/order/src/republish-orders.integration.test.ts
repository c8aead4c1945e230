import { beforeAll, expect, test } from "bun:test";
import { DeliveryCancelled } from "@shop/contracts/messages/delivery";
import { CancelOrderCommand, OrderCancelRequested, OrderCreated } from "@shop/contracts/messages/order";
import { ProductDecreased } from "@shop/contracts/messages/product";
import { inTransaction } from "@shop/database/transaction";
import { outgoing } from "@shop/messaging/outbox/outgoing";
import { uuidV7 } from "@shop/runtime/ids";
import type { ParticipantUnderTest } from "@shop/service/testing/participant-under-test";
import { eventually } from "@shop/testing/eventually";
import { sql } from "drizzle-orm";
import { customer, ordersUnderTest } from "./testing/orders-under-test.ts";
import { republishOrders } from "./use-cases/republish-orders.ts";

const orders = ordersUnderTest();
let service: ParticipantUnderTest;
let twin: ParticipantUnderTest;
beforeAll(() => {
  ({ service, twin } = orders());
});
const placed = () => orders().placed();

/** Lets both replicas, whose clocks differ by some milliseconds, look once, `ms` from now, and gives what was told about an order. */
async function toldAfter(ms: number, orderId: string) {
  for (const { clock } of [service, twin]) await clock.advance(ms);
  const stopping = new AbortController();
  const republishing = [service, twin].map(({ context }) => republishOrders(context, stopping.signal));
  await eventually(() => expect([service.clock.sleeperCount, twin.clock.sleeperCount]).toEqual([1, 1]));
  stopping.abort();
  await Promise.all(republishing);
  return (await service.takeSent()).filter(({ key }) => key === orderId);
}
const stockTaken = (orderId: string) => outgoing(ProductDecreased, orderId, { orderId, result: "SUCCESS" }, undefined);

test("an order on which the saga shows no progress is republished unchanged, with backoff, by one replica", async () => {
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

test.each([
  ["customer", customer, "CANCELLED_BY_CUSTOMER"],
  ["admin", uuidV7(), "CANCELLED_BY_ADMIN"],
] as const)(
  "a request to cancel, of role %s, is republished with its reason until the order is compensating",
  async (role, who, reason) => {
    const id = await placed();
    await service.receive(stockTaken(id));
    const headers = await service.as(role, who);
    await service.app.request(`/api/orders/${id}/cancel`, { method: "POST", headers });
    await service.takeSent();
    const [again] = await toldAfter(30_000, id);
    expect(again).toMatchObject({ type: OrderCancelRequested.type, data: { orderId: id, reason } });
    await service.receive(
      outgoing(DeliveryCancelled, id, { orderId: id, deliveryId: uuidV7(), result: "SUCCESS" }, undefined),
    );
    expect(await toldAfter(3_600_000, id)).toEqual([]);
  },
);

test("an order that has ended is not republished, even when no progress event had come", async () => {
  const id = await placed();
  await service.takeSent();
  await service.receive(outgoing(CancelOrderCommand, id, { orderId: id, reason: "OUT_OF_STOCK" }, undefined));
  await service.takeSent();
  expect(await toldAfter(3_600_000, id)).toEqual([]);
});

test("while messages wait in the outbox because the broker is unavailable nothing is republished", async () => {
  const id = await placed();
  await service.takeSent();
  const { db } = service.context;
  await inTransaction(db, (tx) => tx.execute(sql`update outbox set created_at = now() - interval '1 minute'`));
  expect(await toldAfter(60_000, id)).toEqual([]);
  await inTransaction(db, (tx) => tx.execute(sql`update outbox set sent_at = now()`));
  expect(await toldAfter(60_000, id)).toHaveLength(1);
});

test("when the broker is back the saga has half a minute to handle the backlog before anything is republished", async () => {
  const id = await placed();
  await service.takeSent();
  const { context, clock } = service;
  await clock.advance(60_000);
  await inTransaction(context.db, (tx) =>
    tx.execute(sql`
      update outbox set created_at = now() - interval '1 minute', sent_at = case when key <> ${id} then now() end`),
  );
  const stopping = new AbortController();
  const republishing = republishOrders(context, stopping.signal);
  const looked = () => eventually(() => expect(clock.sleeperCount).toBe(1));
  const lookFor = async (ms: number) => {
    for (let passedMs = 0; passedMs < ms; passedMs += 5_000) {
      await clock.advance(5_000);
      await looked();
    }
    return (await service.takeSent()).filter(({ key }) => key === id);
  };
  await looked();
  await inTransaction(context.db, (tx) => tx.execute(sql`update outbox set sent_at = now()`));
  expect(await lookFor(25_000)).toEqual([]);
  expect(await lookFor(10_000)).toHaveLength(1);
  stopping.abort();
  await republishing;
});
