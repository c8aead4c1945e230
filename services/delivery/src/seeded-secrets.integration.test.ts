import { afterAll, expect, test } from "bun:test";
import { CreateDeliveryCommand } from "@shop/contracts/messages/delivery";
import { outgoing } from "@shop/messaging/outbox/outgoing";
import { uuidV7 } from "@shop/runtime/ids";
import { seededParticipant } from "@shop/service/testing/seeded-participant";
import { seeded } from "@shop/testing/seeded-secrets";
import { deliveryService } from "./service.ts";

const delivery = await seededParticipant(deliveryService);
afterAll(() => delivery.close());

test("deliveries of which each statement fails write no address anywhere, in their dead letters neither", async () => {
  const create = () => {
    const orderId = uuidV7();
    const data = { orderId, customerId: uuidV7(), deliveryAddress: seeded("address") };
    return outgoing(CreateDeliveryCommand, orderId, data, undefined);
  };
  expect(await delivery.deliver(create)).toBeGreaterThanOrEqual(4);
  expect(await delivery.deadLetters()).toBeGreaterThan(0);
  expect(await delivery.call("rider", uuidV7(), "GET", "/api/deliveries")).toBeGreaterThan(0);
  await delivery.deliverPoison(create());
  expect(await delivery.found()).toEqual([]);
}, 120_000);
