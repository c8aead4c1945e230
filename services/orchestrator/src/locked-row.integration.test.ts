import { afterAll, beforeAll, expect, test } from "bun:test";
import { OrdersReported } from "@shop/contracts/messages/audit";
import { CreateDeliveryCommand } from "@shop/contracts/messages/delivery";
import { OrderCreated } from "@shop/contracts/messages/order";
import { DecreaseProductCommand, ProductDecreased } from "@shop/contracts/messages/product";
import { type Outgoing, outgoing } from "@shop/messaging/outbox/outgoing";
import { uuidV7 } from "@shop/runtime/ids";
import {
  expectOthersAnswered,
  expectOthersGoOn,
  type ParticipantTwice,
  participantTwice,
} from "@shop/service/testing/participant-on-kafka";
import { sql } from "drizzle-orm";
import { orchestratorService } from "./service.ts";
import { created, newOrder, stockTaken } from "./testing/saga-messages.ts";

let twice: ParticipantTwice;
let atHand: ParticipantTwice["atHand"];
let service: ParticipantTwice["service"];

beforeAll(async () => {
  twice = await participantTwice(orchestratorService);
  ({ atHand, service } = twice);
}, 120_000);
afterAll(() => twice.close());

function leadsTo({ definition }: Outgoing): readonly string[] {
  if (definition === OrderCreated) return [DecreaseProductCommand.type];
  return definition === ProductDecreased ? [CreateDeliveryCommand.type] : [];
}

test("while a saga is locked it waits, others begin and go on", async () => {
  const [locked, known] = [newOrder(), newOrder()];
  await atHand.receive(created(locked), created(known));
  await expectOthersGoOn(service, {
    lock: sql`select from saga where order_id = ${locked.orderId} for update`,
    held: [stockTaken(locked)],
    free: [stockTaken(known), ...Array.from({ length: 20 }, () => created(newOrder()))],
    leadsTo,
  });
}, 300_000);

test("while the audit's round is locked its reports wait, and sagas go on", async () => {
  const auditId = uuidV7();
  const { db } = atHand.context;
  await db.execute(sql`insert into audit (audit_id, asked_at) values (${auditId}, now())`);
  await expectOthersGoOn(service, {
    lock: sql`select from audit where audit_id = ${auditId} for update`,
    held: [outgoing(OrdersReported, auditId, { auditId, orders: [] }, undefined)],
    free: Array.from({ length: 10 }, () => created(newOrder())),
    leadsTo,
  });
  expect(await db.execute(sql`select reported ? 'orders' as heard from audit`)).toMatchObject([{ heard: true }]);
}, 300_000);

test("while a saga is locked calls that retry it leave the connections to the others, and succeed when they are repeated afterwards", async () => {
  const [locked, free] = [newOrder(), newOrder()];
  await atHand.receive(created(locked), created(free));
  const headers = await atHand.as("admin", uuidV7());
  const { db } = atHand.context;
  const idOf = async (orderId: string) => {
    const [row] = await db.execute<{ id: string }>(sql`select id from saga where order_id = ${orderId}`);
    return row?.id ?? "";
  };
  const [lockedId, freeId] = [await idOf(locked.orderId), await idOf(free.orderId)];
  const retry = async (id: string) => atHand.app.request(`/api/sagas/${id}/retry`, { method: "POST", headers });
  await expectOthersAnswered(service, {
    lock: sql`select from saga where id = ${lockedId} for update`,
    held: () => retry(lockedId),
    free: () => retry(freeId),
  });
}, 120_000);
