import { describe, expect, test } from "bun:test";
import { uuidV7 } from "@shop/runtime/ids";
import {
  admin,
  asAdmin,
  asCustomer,
  asRider,
  asRider2,
  completed,
  deliveriesUnderTest,
  expectRefusal,
  failed,
  granted,
  rider,
  stranger,
} from "./testing/deliveries-under-test.ts";

const replicas = deliveriesUnderTest();

describe("a rider", () => {
  test("claims a waiting delivery, again without effect, and keeps it from others", async () => {
    const { service, call, waiting } = replicas();
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

  test("leaves an entry of the audit trail for each claim, release and failure, not for what changed nothing or was refused", async () => {
    const { service, call, waiting } = replicas();
    const [{ id, orderId }, { id: done }] = [await waiting(), await waiting()];
    await call(asRider, "PUT", `/${id}/claim`);
    await call(asRider, "PUT", `/${id}/claim`);
    await call(asRider2, "PUT", `/${id}/claim`);
    await call(asAdmin, "DELETE", `/${id}/claim`);
    await call(asRider, "PUT", `/${id}/claim`);
    await call(asRider, "PUT", `/${id}/fail`, { reason: "no such street" });
    const pending = { orderId, status: "PENDING", riderId: null };
    const byRider = { actor: { id: rider, role: "rider" }, subject: { type: "delivery", id } };
    expect(await service.entriesAbout(id)).toMatchObject([
      { ...byRider, action: "DELIVERY_CLAIMED", before: pending, after: { ...pending, riderId: rider } },
      { action: "DELIVERY_RELEASED", actor: { id: admin, role: "admin" }, before: { riderId: rider }, after: pending },
      { ...byRider, action: "DELIVERY_CLAIMED" },
      { ...byRider, action: "DELIVERY_FAILED", after: { status: "FAILED" } },
    ]);
    expect(JSON.stringify(await service.entriesAbout(id))).not.toContain("no such street");
    // Who completed a delivery, and when, stays in its row.
    await call(asRider, "PUT", `/${done}/complete`);
    expect(await service.entriesAbout(done)).toEqual([]);
    await service.takeSent();
  });

  test("is one of two who claim at once, never both", async () => {
    const { call, callTwin, waiting } = replicas();
    for (let round = 0; round < 10; round += 1) {
      const { id } = await waiting();
      const answers = await Promise.all([
        call(asRider, "PUT", `/${id}/claim`),
        callTwin(asRider2, "PUT", `/${id}/claim`),
      ]);
      expect(answers.map(({ status }) => status).toSorted((a, b) => a - b)).toEqual([200, 409]);
    }
  });

  test("releases their own claim, again without effect; an admin releases anyone's", async () => {
    const { call, waiting } = replicas();
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
    const { service, call, waiting } = replicas();
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
    const { service, call, callTwin, waiting } = replicas();
    const { id } = await waiting();
    const answers = await Promise.all(
      Array.from({ length: 10 }, (_, index) =>
        granted((index % 2 === 0 ? call : callTwin)(asRider, "PUT", `/${id}/complete`)),
      ),
    );
    for (const answer of answers) expect(answer).toEqual(answers[0] ?? answer);
    expect(await service.takeSent()).toHaveLength(1);
  });

  test("gives up only a delivery that they have claimed; again keeps the first reason and sends no second message", async () => {
    const { service, call, waiting } = replicas();
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
    const { call } = replicas();
    for (const id of [uuidV7(), "1"]) {
      await expectRefusal(call(asRider, "PUT", `/${id}/claim`), 404, "NOT_FOUND");
      await expectRefusal(call(asRider, "DELETE", `/${id}/claim`), 404, "NOT_FOUND");
      await expectRefusal(call(asRider, "PUT", `/${id}/complete`), 404, "NOT_FOUND");
      await expectRefusal(call(asRider, "PUT", `/${id}/fail`, { reason: "x" }), 404, "NOT_FOUND");
      await expectRefusal(call(asRider, "PUT", `/${id}/fail`, {}), 422, "INVALID_REQUEST");
    }
  });

  test("does what nobody else may", async () => {
    const { call, waiting } = replicas();
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
    const { call, waiting } = replicas();
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
    const { call, waiting } = replicas();
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
