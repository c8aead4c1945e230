import { afterAll, beforeAll, expect, test } from "bun:test";
import {
  CancelDeliveryCommand,
  CreateDeliveryCommand,
  DeliveryCancelled,
  DeliveryCreated,
} from "@shop/contracts/messages/delivery";
import { type Outgoing, outgoing } from "@shop/messaging/outbox/outgoing";
import { uuidV7 } from "@shop/runtime/ids";
import {
  expectOthersAnswered,
  expectOthersGoOn,
  type ParticipantTwice,
  participantTwice,
} from "@shop/service/testing/participant-on-kafka";
import { sql } from "drizzle-orm";
import { deliveryService } from "./service.ts";

let twice: ParticipantTwice;
let atHand: ParticipantTwice["atHand"];
let service: ParticipantTwice["service"];

beforeAll(async () => {
  twice = await participantTwice(deliveryService);
  ({ atHand, service } = twice);
}, 120_000);
afterAll(() => twice.close());

const about = (orderId: string) => ({ orderId, customerId: uuidV7(), deliveryAddress: "1 Sejong-daero" });
const create = (orderId: string) => outgoing(CreateDeliveryCommand, orderId, about(orderId), undefined);
const cancel = (orderId: string) => outgoing(CancelDeliveryCommand, orderId, about(orderId), undefined);
const leadsTo = ({ definition }: Outgoing) => [
  definition === CreateDeliveryCommand ? DeliveryCreated.type : DeliveryCancelled.type,
];

test("while a delivery is locked its order waits, those of others go on", async () => {
  const known = uuidV7();
  await atHand.receive(create(known));
  await expectOthersGoOn(service, {
    lock: sql`select from delivery where order_id = ${known} for update`,
    held: [cancel(known)],
    free: Array.from({ length: 20 }, uuidV7).flatMap((orderId) => [create(orderId), cancel(orderId)]),
    leadsTo,
  });
  expect(await atHand.context.db.execute(sql`select from delivery where status = 'CANCELLED'`)).toHaveLength(21);
}, 300_000);

test("while a delivery is locked calls that claim it leave the connections to the others, and succeed when they are repeated afterwards", async () => {
  const orderIds = [uuidV7(), uuidV7()];
  await atHand.receive(...orderIds.map(create));
  const [locked = "", free = ""] = await Promise.all(
    orderIds.map(async (orderId) => {
      const [row] = await atHand.context.db.execute<{ id: string }>(
        sql`select id from delivery where order_id = ${orderId}`,
      );
      return row?.id;
    }),
  );
  const headers = await atHand.as("rider", uuidV7());
  const claim = async (id: string) => atHand.app.request(`/api/deliveries/${id}/claim`, { method: "PUT", headers });
  await expectOthersAnswered(service, {
    lock: sql`select from delivery where id = ${locked} for update`,
    held: () => claim(locked),
    free: () => claim(free),
  });
}, 120_000);
