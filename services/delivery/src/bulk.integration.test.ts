import { expect, test } from "bun:test";
import { BulkAnswer, BulkOperation } from "@shop/contracts/http/bulk";
import { runBulkOperations } from "@shop/service/bulk";
import { eventually } from "@shop/testing/eventually";
import {
  admin,
  asAdmin,
  asRider,
  asRider2,
  deliveriesUnderTest,
  rider,
  rider2,
} from "./testing/deliveries-under-test.ts";
import { bulkReleases } from "./use-cases/bulk-release.ts";

const deliveries = deliveriesUnderTest();

test("an admin releases the claims of all that a filter finds, and nothing else", async () => {
  const { service, call, waiting, ofOrder } = deliveries();
  const request = async (method: string, path: string, body?: object) => {
    const headers = { ...(await service.as("admin", admin)), "content-type": "application/json" };
    const init = { method, headers, ...(body === undefined ? {} : { body: JSON.stringify(body) }) };
    return (await service.app.request(`/api/bulk/deliveries${path}`, init)).json();
  };
  const [first, second, complete, unclaimed] = [await waiting(), await waiting(), await waiting(), await waiting()];
  for (const { id } of [first, second]) await call(asRider, "PUT", `/${id}/claim`);
  await call(asRider, "PUT", `/${complete.id}/complete`);
  const filter = { status: "PENDING" };
  const dry = BulkAnswer.parse(await request("POST", "", { action: "RELEASE", filter }));
  expect([dry.total, dry.sample.map(({ id }) => id)]).toEqual([2, [first.id, second.id]]);
  expect((await ofOrder(first.orderId))[0]?.riderId).not.toBeNull();

  const ids = [first.id, second.id, complete.id, unclaimed.id];
  const begun = BulkAnswer.parse(await request("POST", "", { action: "RELEASE", ids, dryRun: false }));
  const stopping = new AbortController();
  const working = runBulkOperations(service.context, stopping.signal, bulkReleases(service.context));
  const done = await eventually(async () => {
    if (service.clock.sleeperCount > 0) await service.clock.advance(1_000);
    const found = BulkOperation.parse(await request("GET", `/${begun.operation?.id}`));
    expect(found.status).toBe("DONE");
    return found;
  });
  stopping.abort();
  await working;
  expect(done.outcomes).toEqual({ DONE: 3, DELIVERY_ENDED: 1 });
  expect(done.refusals).toEqual([{ id: complete.id, code: "DELIVERY_ENDED", detail: "It is COMPLETE." }]);
  for (const { orderId } of [first, second]) expect((await ofOrder(orderId))[0]?.riderId).toBeNull();
  expect((await ofOrder(complete.orderId))[0]?.riderId).not.toBeNull();
});

test("deliveries are found by their rider, and by a part of the reason why they failed", async () => {
  const { call, waiting } = deliveries();
  const [mine, theirs, failed] = [await waiting(), await waiting(), await waiting()];
  await call(asRider, "PUT", `/${mine.id}/claim`);
  for (const { id } of [theirs, failed]) await call(asRider2, "PUT", `/${id}/claim`);
  await call(asRider2, "PUT", `/${failed.id}/fail`, { reason: "Nobody opened the door" });
  const found = async (query: string) => (await call(asAdmin, "GET", `?${query}`)).body.items.map(({ id }) => id);
  expect(await found(`riderId=${rider2.toUpperCase()}`)).toEqual([failed.id, theirs.id]);
  expect(await found(`riderId=${rider2}&status=PENDING`)).toEqual([theirs.id]);
  expect(await found("failReason=OPENED")).toEqual([failed.id]);
  expect(await found(`failReason=opened&riderId=${rider}`)).toEqual([]);
});
