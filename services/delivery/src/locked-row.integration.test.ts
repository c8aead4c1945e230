import { expect, test } from "bun:test";
import {
  CancelDeliveryCommand,
  CreateDeliveryCommand,
  DeliveryCancelled,
  DeliveryCreated,
} from "@shop/contracts/messages/delivery";
import { type Outgoing, outgoing } from "@shop/messaging/outgoing";
import { uuidV7 } from "@shop/runtime/ids";
import { expectOthersGoOn, participantOnKafka } from "@shop/service/testing/participant-on-kafka";
import { participantUnderTest } from "@shop/service/testing/participant-under-test";
import { createTestDatabase } from "@shop/testing/database";
import { sql } from "drizzle-orm";
import { deliveryService } from "./service.ts";

const about = (orderId: string) => ({ orderId, customerId: uuidV7(), deliveryAddress: "1 Sejong-daero" });
const create = (orderId: string) => outgoing(CreateDeliveryCommand, orderId, about(orderId), undefined);
const cancel = (orderId: string) => outgoing(CancelDeliveryCommand, orderId, about(orderId), undefined);
const leadsTo = ({ definition }: Outgoing) => [
  definition === CreateDeliveryCommand ? DeliveryCreated.type : DeliveryCancelled.type,
];

test("while a delivery is locked its order waits, those of others go on", async () => {
  const database = await createTestDatabase({ service: "delivery" });
  const atHand = await participantUnderTest(deliveryService, database.url);
  const service = await participantOnKafka(deliveryService, database);
  const known = uuidV7();
  await atHand.receive(create(known));
  await expectOthersGoOn(service, {
    lock: sql`select from delivery where order_id = ${known} for update`,
    held: [cancel(known)],
    free: Array.from({ length: 20 }, uuidV7).flatMap((orderId) => [create(orderId), cancel(orderId)]),
    leadsTo,
  });
  expect(await atHand.context.db.execute(sql`select from delivery where status = 'CANCELLED'`)).toHaveLength(21);
  await service.close();
  await atHand.close();
  await database.drop();
}, 300_000);
