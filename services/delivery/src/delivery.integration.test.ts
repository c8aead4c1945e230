import { afterAll, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import type { Role } from "@shop/contracts/http/define";
import { Delivery } from "@shop/contracts/http/delivery";
import {
  CancelDeliveryCommand,
  CreateDeliveryCommand,
  DeliveryCancelled,
  DeliveryCompleted,
  DeliveryCreated,
  DeliveryFailed,
} from "@shop/contracts/messages/delivery";
import { outgoing } from "@shop/messaging/outgoing";
import { uuidV7 } from "@shop/runtime/ids";
import {
  type ParticipantUnderTest,
  participantUnderTest,
  recordOf,
  sent,
} from "@shop/service/testing/participant-under-test";
import { createTestDatabase, type TestDatabase } from "@shop/testing/database";
import { deliveryService } from "./service.ts";

let database: TestDatabase;
let service: ParticipantUnderTest;
let twin: ParticipantUnderTest;
const [customer, stranger, rider, rider2, admin] = [uuidV7(), uuidV7(), uuidV7(), uuidV7(), uuidV7()];
const deliveryAddress = "서울 종로구 세종대로 1";

const forOrder = (orderId: string) => ({ orderId, customerId: customer, deliveryAddress });
const create = (orderId: string) => outgoing(CreateDeliveryCommand, orderId, forOrder(orderId), undefined);
const cancel = (orderId: string) => outgoing(CancelDeliveryCommand, orderId, forOrder(orderId), undefined);

type About = Pick<Delivery, "id" | "orderId">;
const about = ({ id, orderId }: About) => ({ orderId, deliveryId: id });
const created = (of: About) => sent(DeliveryCreated, of.orderId, about(of));
const cancelled = (of: About) => sent(DeliveryCancelled, of.orderId, { ...about(of), result: "SUCCESS" });
const cancelRefused = (of: About) =>
  sent(DeliveryCancelled, of.orderId, { ...about(of), result: "REFUSED", reason: "ALREADY_COMPLETE" });
const failed = (of: About, reason: string) => sent(DeliveryFailed, of.orderId, { ...about(of), reason });
const completed = (of: Delivery) =>
  sent(DeliveryCompleted, of.orderId, { ...about(of), riderId: of.riderId ?? "", completedAt: of.completedAt ?? "" });

/** As much of the answers' bodies as these tests look into without parsing them. */
interface Body {
  readonly code: string;
  readonly items: readonly Delivery[];
  readonly nextCursor: string | null;
}
type Caller = readonly [role: Role, id: string];
const asRider: Caller = ["rider", rider];
const asRider2: Caller = ["rider", rider2];
const asAdmin: Caller = ["admin", admin];
const asCustomer: Caller = ["customer", customer];

async function call(caller: Caller, method: string, path: string, body?: unknown, via = service) {
  const response = await via.app.request(`/api/deliveries${path}`, {
    method,
    headers: { ...(await via.as(...caller)), ...(body === undefined ? {} : { "content-type": "application/json" }) },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  return { status: response.status, body: (await response.json()) as Body };
}
const ofOrder = async (orderId: string) => {
  const { body } = await call(asAdmin, "GET", `?orderId=${orderId}`);
  return body.items.map((item) => Delivery.parse(item));
};

/** A delivery that waits for a rider. */
async function waiting(): Promise<Delivery> {
  const orderId = uuidV7();
  await service.receive(create(orderId));
  await service.takeSent();
  const [delivery] = await ofOrder(orderId);
  return Delivery.parse(delivery);
}

/** Expects a call to be granted, and gives the delivery that it answered with. */
async function granted(answer: ReturnType<typeof call>): Promise<Delivery> {
  const { status, body } = await answer;
  expect(status).toBe(200);
  return Delivery.parse(body);
}
async function expectRefusal(answer: ReturnType<typeof call>, status: number, code: string): Promise<void> {
  const { status: given, body } = await answer;
  expect([given, body.code]).toEqual([status, code]);
}

beforeAll(async () => {
  database = await createTestDatabase({ service: "delivery" });
  service = await participantUnderTest(deliveryService, database.url);
  twin = await participantUnderTest(deliveryService, database.url);
}, 120_000);
beforeEach(async () => {
  await service.takeSent();
});
afterAll(async () => {
  await service.close();
  await twin.close();
  await database.drop();
});

describe("creating a delivery", () => {
  test("stores it PENDING, unclaimed, for the order's customer", async () => {
    const orderId = uuidV7();
    await service.receive(create(orderId));
    const [delivery] = await ofOrder(orderId);
    expect(delivery).toMatchObject({ orderId, status: "PENDING", deliveryAddress, riderId: null, completedAt: null });
    expect(await service.takeSent()).toEqual([created(Delivery.parse(delivery))]);
  });

  test("happens once per order, however often and to however many replicas the command comes", async () => {
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

  test("that has been done is answered again with how the delivery stands by now", async () => {
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
    const orderId = uuidV7();
    await service.receive(cancel(orderId), create(orderId));
    const [tombstone, ...others] = await ofOrder(orderId);
    expect([tombstone?.status, others]).toEqual(["CANCELLED", []]);
    const answer = cancelled(Delivery.parse(tombstone));
    expect(await service.takeSent()).toEqual([answer, answer]);
  });

  test("is refused when the rider was first, and succeeds when the rider gave it up", async () => {
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
    const deliveries = await Promise.all(Array.from({ length: 30 }, waiting));
    await service.takeSent();
    const [completions] = await Promise.all([
      Promise.all(deliveries.map(({ id }) => call(asRider, "PUT", `/${id}/complete`))),
      ...deliveries.map(({ orderId }) => twin.receive(cancel(orderId))),
    ]);
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

describe("a rider", () => {
  test("claims a waiting delivery, again without effect, and keeps it from others", async () => {
    const { id } = await waiting();
    const claimed = await granted(call(asRider, "PUT", `/${id}/claim`));
    expect(claimed).toMatchObject({ status: "PENDING", riderId: rider });
    expect(await granted(call(asRider, "PUT", `/${id}/claim`))).toEqual(claimed);
    await expectRefusal(call(asRider2, "PUT", `/${id}/claim`), 409, "DELIVERY_TAKEN");
    await expectRefusal(call(asRider2, "PUT", `/${id}/complete`), 409, "DELIVERY_TAKEN");
    await expectRefusal(call(asRider2, "PUT", `/${id}/fail`, { reason: "x" }), 409, "DELIVERY_TAKEN");
    await expectRefusal(call(asRider2, "DELETE", `/${id}/claim`), 409, "DELIVERY_TAKEN");
    expect(await service.takeSent()).toEqual([]);
  });

  test("is one of two who claim at once, never both", async () => {
    for (let round = 0; round < 10; round += 1) {
      const { id } = await waiting();
      const answers = await Promise.all([
        call(asRider, "PUT", `/${id}/claim`),
        call(asRider2, "PUT", `/${id}/claim`, undefined, twin),
      ]);
      expect(answers.map(({ status }) => status).toSorted()).toEqual([200, 409]);
    }
  });

  test("releases their own claim, again without effect; an admin releases anyone's", async () => {
    const { id } = await waiting();
    await call(asRider, "PUT", `/${id}/claim`);
    for (let time = 0; time < 2; time += 1) {
      expect(await granted(call(asRider, "DELETE", `/${id}/claim`))).toMatchObject({
        status: "PENDING",
        riderId: null,
      });
    }
    await granted(call(asRider2, "PUT", `/${id}/claim`));
    expect(await granted(call(asAdmin, "DELETE", `/${id}/claim`))).toMatchObject({ riderId: null });
    await granted(call(asRider, "PUT", `/${id}/complete`));
    for (const caller of [asRider, asAdmin]) {
      await expectRefusal(call(caller, "DELETE", `/${id}/claim`), 409, "DELIVERY_ENDED");
    }
  });

  test("completes an unclaimed delivery and becomes its rider; again gives the same body and no second message", async () => {
    const { id } = await waiting();
    const done = await granted(call(asRider, "PUT", `/${id}/complete`));
    expect(done).toMatchObject({ status: "COMPLETE", riderId: rider, completedAt: expect.any(String) });
    await service.clock.advance(60_000);
    expect(await granted(call(asRider, "PUT", `/${id}/complete`))).toEqual(done);
    expect(await granted(call(asRider, "GET", `/${id}`))).toEqual(done);
    await expectRefusal(call(asRider2, "PUT", `/${id}/complete`), 409, "DELIVERY_TAKEN");
    await expectRefusal(call(asRider, "PUT", `/${id}/claim`), 409, "DELIVERY_ENDED");
    await expectRefusal(call(asRider, "PUT", `/${id}/fail`, { reason: "x" }), 409, "DELIVERY_ENDED");
    expect(await service.takeSent()).toEqual([completed(done)]);
  });

  test("who completes ten times at once completes once", async () => {
    const { id } = await waiting();
    const answers = await Promise.all(
      Array.from({ length: 10 }, (_, index) =>
        granted(call(asRider, "PUT", `/${id}/complete`, undefined, index % 2 ? twin : service)),
      ),
    );
    for (const answer of answers) expect(answer).toEqual(answers[0] ?? answer);
    expect(await service.takeSent()).toHaveLength(1);
  });

  test("gives up only a delivery that they have claimed; again keeps the first reason and sends no second message", async () => {
    const delivery = await waiting();
    const failWith = (reason: unknown) => call(asRider, "PUT", `/${delivery.id}/fail`, { reason });
    await expectRefusal(failWith("nobody home"), 409, "DELIVERY_NOT_YOURS");
    await call(asRider, "PUT", `/${delivery.id}/claim`);
    for (const wrong of ["", " ", "a".repeat(501), 1, undefined]) expect((await failWith(wrong)).status).toBe(422);
    const done = await granted(failWith("nobody home"));
    expect(done).toMatchObject({ status: "FAILED", riderId: rider, failReason: "nobody home", completedAt: null });
    expect(await granted(failWith("flat tyre"))).toEqual(done);
    await expectRefusal(call(asRider2, "PUT", `/${delivery.id}/fail`, { reason: "x" }), 409, "DELIVERY_TAKEN");
    await expectRefusal(call(asRider, "PUT", `/${delivery.id}/complete`), 409, "DELIVERY_ENDED");
    expect(await service.takeSent()).toEqual([failed(delivery, "nobody home")]);
  });

  test("is told 404 of a delivery that is not there, and 422 before that of a body that is wrong", async () => {
    for (const id of [uuidV7(), "1"]) {
      await expectRefusal(call(asRider, "PUT", `/${id}/claim`), 404, "NOT_FOUND");
      await expectRefusal(call(asRider, "DELETE", `/${id}/claim`), 404, "NOT_FOUND");
      await expectRefusal(call(asRider, "PUT", `/${id}/complete`), 404, "NOT_FOUND");
      await expectRefusal(call(asRider, "PUT", `/${id}/fail`, { reason: "x" }), 404, "NOT_FOUND");
      await expectRefusal(call(asRider, "PUT", `/${id}/fail`, {}), 422, "INVALID_REQUEST");
    }
  });

  test("does what nobody else may", async () => {
    const { id } = await waiting();
    for (const path of ["claim", "complete", "fail"]) {
      for (const caller of [asCustomer, asAdmin]) {
        await expectRefusal(call(caller, "PUT", `/${id}/${path}`, { reason: "x" }), 403, "FORBIDDEN");
      }
    }
    await expectRefusal(call(asCustomer, "DELETE", `/${id}/claim`), 403, "FORBIDDEN");
  });
});

describe("who sees deliveries", () => {
  test("a customer those of their own orders only, riders and admins all", async () => {
    const { id, orderId } = await waiting();
    for (const caller of [asCustomer, asRider, asRider2, asAdmin]) {
      expect((await granted(call(caller, "GET", `/${id}`))).orderId).toBe(orderId);
      expect((await call(caller, "GET", `?orderId=${orderId}`)).body.items).toHaveLength(1);
    }
    await expectRefusal(call(["customer", stranger], "GET", `/${id}`), 404, "NOT_FOUND");
    expect((await call(["customer", stranger], "GET", "")).body).toEqual(
      expect.objectContaining({ items: [], nextCursor: null }),
    );
    expect((await call(["customer", stranger], "GET", `?orderId=${orderId}`)).body.items).toEqual([]);
  });

  test("the list is newest first, by status when asked, and its pages hold each delivery once", async () => {
    const [first, second, third] = [await waiting(), await waiting(), await waiting()];
    await granted(call(asRider, "PUT", `/${second.id}/complete`));
    const page = await call(asRider, "GET", "?status=PENDING&limit=1");
    expect(page.body.items.map(({ id }) => id)).toEqual([third.id]);
    await waiting();
    const next = await call(asRider, "GET", `?status=PENDING&limit=1&cursor=${page.body.nextCursor}`);
    expect(next.body.items.map(({ id }) => id)).toEqual([first.id]);
    expect((await call(asRider, "GET", "?status=COMPLETE&limit=1")).body.items[0]?.id).toBe(second.id);
    for (const query of ["status=LOST", "orderId=1", "status=PENDING&status=FAILED", "riderId=1"]) {
      expect((await call(asRider, "GET", `?${query}`)).status).toBe(422);
    }
  });
});
