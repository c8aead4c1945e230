import { describe, expect, test } from "bun:test";
import { Delivery } from "@shop/contracts/http/delivery";
import { DeliveriesReported, ReportDeliveriesCommand } from "@shop/contracts/messages/audit";
import { outgoing } from "@shop/messaging/outbox/outgoing";
import { uuidV7 } from "@shop/runtime/ids";
import { recordOf, sent } from "@shop/service/testing/participant-under-test";
import {
  asRider,
  cancel,
  cancelled,
  cancelRefused,
  completed,
  create,
  created,
  deliveriesUnderTest,
  deliveryAddress,
  expectRefusal,
  failed,
  granted,
} from "./testing/deliveries-under-test.ts";

const replicas = deliveriesUnderTest();

describe("creating a delivery", () => {
  test("stores it PENDING, unclaimed, for the order's customer", async () => {
    const { service, ofOrder } = replicas();
    const orderId = uuidV7();
    await service.receive(create(orderId));
    const [delivery] = await ofOrder(orderId);
    expect(delivery).toMatchObject({ orderId, status: "PENDING", deliveryAddress, riderId: null, completedAt: null });
    expect(await service.takeSent()).toEqual([created(Delivery.parse(delivery))]);
  });

  test("happens once per order, however often and to however many replicas the command comes", async () => {
    const { service, twin, ofOrder } = replicas();
    const orderIds = Array.from({ length: 50 }, uuidV7);
    const records = orderIds.map((orderId) => recordOf(create(orderId), service.clock));
    await Promise.all([
      service.receiveRecords(records),
      twin.receiveRecords(records.toReversed()),
      twin.receive(...orderIds.toReversed().map(create)),
    ]);
    const answers = await service.takeSent();
    expect(answers).toHaveLength(100);
    for (const orderId of orderIds) {
      const [delivery, ...others] = await ofOrder(orderId);
      expect(others).toEqual([]);
      const answer = created(Delivery.parse(delivery));
      expect(answers.filter(({ key }) => key === orderId)).toEqual([answer, answer]);
    }
  });

  test("in two replicas that are given the same orders in opposite sequence never ends in a circle of waiting", async () => {
    const { service, twin } = replicas();
    const rounds = Array.from({ length: 12 }, () => Array.from({ length: 300 }, uuidV7));
    await Promise.all(
      rounds.flatMap((orderIds) => [
        service.receive(...orderIds.map(create)),
        twin.receive(...orderIds.toReversed().map(create)),
      ]),
    );
    expect(await service.takeSent()).toHaveLength(12 * 300 * 2);
    expect([...service.lines, ...twin.lines].filter(({ level }) => level === "warn")).toEqual([]);
  });

  test("that has been done is answered again with how the delivery stands by now", async () => {
    const { service, call, waiting } = replicas();
    const [claimed, complete, failing, cancelledOne] = [
      await waiting(),
      await waiting(),
      await waiting(),
      await waiting(),
    ];
    await call(asRider, "PUT", `/${claimed.id}/claim`);
    const done = await granted(call(asRider, "PUT", `/${complete.id}/complete`));
    await call(asRider, "PUT", `/${failing.id}/claim`);
    await call(asRider, "PUT", `/${failing.id}/fail`, { reason: "nobody home" });
    await service.receive(cancel(cancelledOne.orderId));
    await service.takeSent();
    await service.receive(...[claimed, complete, failing, cancelledOne].map(({ orderId }) => create(orderId)));
    expect(await service.takeSent()).toEqual([
      created(claimed),
      created(complete),
      completed(done),
      created(failing),
      failed(failing, "nobody home"),
      cancelled(cancelledOne),
    ]);
  });
});

describe("cancelling a delivery", () => {
  test("cancels one that waits, claimed or not, and again gives the same answer", async () => {
    const { service, call, ofOrder, waiting } = replicas();
    const [unclaimed, claimed] = [await waiting(), await waiting()];
    await call(asRider, "PUT", `/${claimed.id}/claim`);
    const commands = [cancel(unclaimed.orderId), cancel(claimed.orderId)];
    await service.receive(...commands, ...commands);
    const answers = [cancelled(unclaimed), cancelled(claimed)];
    expect(await service.takeSent()).toEqual([...answers, ...answers]);
    for (const { orderId } of [unclaimed, claimed])
      expect(await ofOrder(orderId)).toMatchObject([{ status: "CANCELLED" }]);
    await expectRefusal(call(asRider, "PUT", `/${claimed.id}/complete`), 409, "DELIVERY_ENDED");
  });

  test("before it was created leaves a tombstone: the command that comes late creates nothing", async () => {
    const { service, ofOrder } = replicas();
    const orderId = uuidV7();
    await service.receive(cancel(orderId), create(orderId));
    const [tombstone, ...others] = await ofOrder(orderId);
    expect([tombstone?.status, others]).toEqual(["CANCELLED", []]);
    const answer = cancelled(Delivery.parse(tombstone));
    expect(await service.takeSent()).toEqual([answer, answer]);
  });

  test("is refused when the rider was first, and succeeds when the rider gave it up", async () => {
    const { service, call, ofOrder, waiting } = replicas();
    const [complete, failing] = [await waiting(), await waiting()];
    await call(asRider, "PUT", `/${complete.id}/complete`);
    await call(asRider, "PUT", `/${failing.id}/claim`);
    await call(asRider, "PUT", `/${failing.id}/fail`, { reason: "nobody home" });
    await service.takeSent();
    await service.receive(cancel(complete.orderId), cancel(failing.orderId));
    expect(await service.takeSent()).toEqual([cancelRefused(complete), cancelled(failing)]);
    expect(await ofOrder(failing.orderId)).toMatchObject([{ status: "FAILED" }]);
  });

  test("racing a rider's complete has exactly one winner, and both are told the same", async () => {
    const { service, twin, call, ofOrder, waiting } = replicas();
    const deliveries = await Promise.all(Array.from({ length: 30 }, waiting));
    await service.takeSent();
    const cancelAll = Promise.all(deliveries.map(({ orderId }) => twin.receive(cancel(orderId))));
    const completions = await Promise.all(
      deliveries.map(async ({ id }, index) => {
        // Riders who look first, none to three times: so that now one and now the other wins.
        for (let look = 0; look < index % 4; look += 1) await call(asRider, "GET", `/${id}`);
        return call(asRider, "PUT", `/${id}/complete`);
      }),
    );
    await cancelAll;
    const messages = await service.takeSent();
    for (const [index, { orderId }] of deliveries.entries()) {
      const [now] = await ofOrder(orderId);
      const delivery = Delivery.parse(now);
      const told = messages.filter(({ key }) => key === orderId);
      if (completions[index]?.status === 200) {
        expect(delivery.status).toBe("COMPLETE");
        expect(told).toEqual([completed(delivery), cancelRefused(delivery)]);
      } else {
        expect([completions[index]?.body.code, delivery.status]).toEqual(["DELIVERY_ENDED", "CANCELLED"]);
        expect(told).toEqual([cancelled(delivery)]);
      }
    }
  });
});

test("an audit report has the status of the deliveries asked for, and of no others", async () => {
  const { service } = replicas();
  const [waiting, taken, unknown] = [uuidV7(), uuidV7(), uuidV7()];
  await service.receive(create(waiting), create(taken));
  await service.receive(cancel(taken));
  await service.takeSent();
  const auditId = uuidV7();
  const question = { auditId, orderIds: [waiting, taken, unknown] };
  await service.receive(outgoing(ReportDeliveriesCommand, auditId, question, undefined));
  const [answer] = await service.takeSent();
  const { deliveries } = DeliveriesReported.data.parse(answer?.data);
  expect(answer).toEqual(sent(DeliveriesReported, auditId, { auditId, deliveries }));
  expect(new Map(deliveries.map(({ orderId, status }) => [orderId, status]))).toEqual(
    new Map([
      [waiting, "PENDING"],
      [taken, "CANCELLED"],
    ]),
  );
});
