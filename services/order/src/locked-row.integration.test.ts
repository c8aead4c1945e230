import { afterAll, beforeAll, expect, test } from "bun:test";
import { Order } from "@shop/contracts/http/order";
import {
  CancelOrderCommand,
  CompleteOrderCommand,
  OrderCancelled,
  OrderCompleted,
} from "@shop/contracts/messages/order";
import { ProductChanged } from "@shop/contracts/messages/product";
import { type Outgoing, outgoing } from "@shop/messaging/outbox/outgoing";
import { uuidV7 } from "@shop/runtime/ids";
import {
  expectOthersAnswered,
  expectOthersGoOn,
  type ParticipantTwice,
  participantTwice,
} from "@shop/service/testing/participant-on-kafka";
import { sql } from "drizzle-orm";
import { orderService } from "./service.ts";

const tea = uuidV7();
const customer = uuidV7();
let twice: ParticipantTwice;
let atHand: ParticipantTwice["atHand"];
let service: ParticipantTwice["service"];

beforeAll(async () => {
  twice = await participantTwice(orderService, (made) => made.receive(changed(1)));
  ({ atHand, service } = twice);
}, 120_000);
afterAll(() => twice.close());

const changed = (version: number) =>
  outgoing(
    ProductChanged,
    tea,
    { productId: tea, name: "Tea", price: 4_500, currency: "KRW", withdrawn: false, version },
    undefined,
  );
const complete = (orderId: string) => outgoing(CompleteOrderCommand, orderId, { orderId }, undefined);
const cancel = (orderId: string) => outgoing(CancelOrderCommand, orderId, { orderId, reason: "TIMED_OUT" }, undefined);

async function place(idempotencyKey?: string): Promise<Response> {
  return await atHand.app.request("/api/orders", {
    method: "POST",
    headers: {
      ...(await atHand.as("customer", customer)),
      "content-type": "application/json",
      ...(idempotencyKey && { "idempotency-key": idempotencyKey }),
    },
    body: JSON.stringify({ items: [{ productId: tea, quantity: 1 }], deliveryAddress: "1 Sejong-daero" }),
  });
}
const placed = (count: number) =>
  Promise.all(Array.from({ length: count }, async () => Order.parse(await (await place()).json()).id));

function leadsTo({ definition }: Outgoing): readonly string[] {
  if (definition === CompleteOrderCommand) return [OrderCompleted.type];
  return definition === CancelOrderCommand ? [OrderCancelled.type] : [];
}

test("while an order is locked it waits, others are ended", async () => {
  const [locked = "", ...others] = await placed(21);
  await expectOthersGoOn(service, {
    lock: sql`select from orders where id = ${locked} for update`,
    held: [complete(locked), complete(locked)],
    free: others.map(cancel),
    leadsTo,
  });
}, 300_000);

test("while a product of the catalogue is locked its changes wait, and orders are ended", async () => {
  await expectOthersGoOn(service, {
    lock: sql`select from catalogue where product_id = ${tea} for update`,
    held: [changed(2)],
    free: (await placed(10)).map(complete),
    leadsTo,
  });
  expect(await atHand.context.db.execute(sql`select version from catalogue`)).toMatchObject([{ version: 2 }]);
}, 300_000);

test("while an idempotency key is taken by a transaction that does not end, orders under other keys are placed, and then its own is, once", async () => {
  const key = "the-same-again";
  const { db } = atHand.context;
  let twin: Promise<Response> | undefined;
  await service.whileLocked(
    sql`insert into idempotency_key (customer_id, key, body_hash, order_id, created_at)
      values (${customer}, ${key}, 'hash', ${uuidV7()}, now()) returning key`,
    async () => {
      // Together with others, and then others again while it is known to be held.
      // The first ones go out at once, the others together.
      const others = Array.from({ length: 10 }, (_, index) => place(`before-${index}`));
      const held = place(key);
      others.push(...Array.from({ length: 10 }, (_, index) => place(`behind-${index}`)), place());
      expect((await Promise.all(others)).map(({ status }) => status)).toEqual(others.map(() => 201));
      // Nothing is known of it: the caller is to try again.
      expect((await held).status).toBe(503);
      twin = place(key);
      expect((await place("another-key")).status).toBe(201);
    },
    "rollback",
  );
  await twin;
  const answers = [await place(key), await place(key)];
  expect(answers.map(({ status }) => status)).toEqual([201, 201]);
  const ids = await Promise.all(answers.map(async (answer) => Order.parse(await answer.json()).id));
  expect(new Set(ids).size).toBe(1);
  expect(await db.execute(sql`select from idempotency_key where key = ${key}`)).toHaveLength(1);
}, 120_000);

test("while an order is locked calls that cancel it leave the connections to the others, and succeed when they are repeated afterwards", async () => {
  const [locked = "", free = ""] = await placed(2);
  const headers = await atHand.as("customer", customer);
  const cancelling = async (id: string) => atHand.app.request(`/api/orders/${id}/cancel`, { method: "POST", headers });
  await expectOthersAnswered(service, {
    lock: sql`select from orders where id = ${locked} for update`,
    held: () => cancelling(locked),
    free: () => cancelling(free),
  });
}, 120_000);
