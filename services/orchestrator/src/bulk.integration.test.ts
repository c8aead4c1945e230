import { afterAll, beforeAll, expect, test } from "bun:test";
import { BulkAnswer, BulkOperation } from "@shop/contracts/http/bulk";
import { DecreaseProductCommand } from "@shop/contracts/messages/product";
import { inTransaction } from "@shop/database/transaction";
import { uuidV7 } from "@shop/runtime/ids";
import { runBulkOperations } from "@shop/service/bulk";
import { participantUnderTest, type ParticipantUnderTest } from "@shop/service/testing/participant-under-test";
import { createTestDatabase, type TestDatabase } from "@shop/testing/database";
import { eventually } from "@shop/testing/eventually";
import { sql } from "drizzle-orm";
import { bulkSagas } from "./saga/bulk.ts";
import { orderSagaVersions } from "./sagas/registry.ts";
import { orchestratorService } from "./service.ts";
import { completed, created, delivered, delivery, newOrder, stockTaken } from "./testing/saga-messages.ts";

const admin = uuidV7();
let database: TestDatabase;
let service: ParticipantUnderTest;
beforeAll(async () => {
  database = await createTestDatabase({ service: "orchestrator" });
  service = await participantUnderTest(orchestratorService, database.url);
}, 120_000);
afterAll(async () => {
  await service.close();
  await database.drop();
});

async function call(method: string, path: string, body?: object, key: string = uuidV7()) {
  const headers = { ...(await service.as("admin", admin)), "content-type": "application/json", "idempotency-key": key };
  const init = { method, headers, ...(body === undefined ? {} : { body: JSON.stringify(body) }) };
  const response = await service.app.request(`/api/bulk/sagas${path}`, init);
  return { status: response.status, body: await response.json() };
}
const begin = async (body: object, key?: string) => BulkAnswer.parse((await call("POST", "", body, key)).body);
const operation = async (id: string | undefined) => BulkOperation.parse((await call("GET", `/${id}`)).body);

/** Lets one replica work until `isOver` says so, while time passes. */
async function work(isOver: () => Promise<boolean>): Promise<void> {
  const stopping = new AbortController();
  const working = runBulkOperations(service.context, stopping.signal, bulkSagas(service.context, orderSagaVersions));
  await eventually(async () => {
    if (service.clock.sleeperCount > 0) await service.clock.advance(1_000);
    expect(await isOver()).toBe(true);
  });
  stopping.abort();
  await working;
}
const workThrough = (id: string | undefined) => work(async () => (await operation(id)).status === "DONE");

/** Sagas that are stuck in their first step. @returns their ids by the ids of their orders */
async function stuckSagas(count: number): Promise<ReadonlyMap<string, string>> {
  const orders = Array.from({ length: count }, () => newOrder());
  await service.receive(...orders.map(created));
  const rows = await service.context.db.execute<{ id: string; orderId: string }>(sql`
    update saga set stuck_since = now() where order_id in ${orders.map(({ orderId }) => orderId)}
    returning id, order_id as "orderId"`);
  await service.takeSent();
  return new Map(rows.map(({ id, orderId }) => [orderId, id]));
}

test("a bulk retry does nothing by default but count what is meant and show some of it", async () => {
  const stuck = await stuckSagas(30);
  const answer = await begin({ action: "RETRY", filter: { status: "STUCK" } });
  expect(answer).toMatchObject({ dryRun: true, total: 30, operation: null });
  expect(answer.sample).toHaveLength(20);
  expect(answer.sample[0]?.what).toMatch(/^order .*, STUCK in DECREASE_PRODUCT$/);
  expect(await service.takeSent()).toEqual([]);
  await service.context.db.execute(sql`update saga set stuck_since = null where id in ${[...stuck.values()]}`);
});

test("all that a filter finds is retried once, at the rate that was asked for, and shows its progress", async () => {
  const stuck = await stuckSagas(250);
  const body = { action: "RETRY", filter: { status: "STUCK" }, dryRun: false, ratePerSecond: 100 };
  const { operation: begun } = await begin(body);
  expect(begun).toMatchObject({ status: "RUNNING", total: 250, done: 0, by: admin });
  const beganAt = service.clock.now();
  await work(async () => (await operation(begun?.id)).done >= 100);
  expect(await operation(begun?.id)).toMatchObject({ status: "RUNNING" });
  await workThrough(begun?.id);
  expect(await operation(begun?.id)).toMatchObject({ done: 250, outcomes: { DONE: 250 }, refusals: [] });
  expect(service.clock.now() - beganAt).toBeGreaterThanOrEqual(2_000);
  const sent = await service.takeSent();
  expect(new Set(sent.map(({ type }) => type))).toEqual(new Set([DecreaseProductCommand.type]));
  expect(sent.map(({ key }) => key).toSorted()).toEqual([...stuck.keys()].toSorted());
  expect(await begin({ action: "RETRY", filter: { status: "STUCK" } })).toMatchObject({ total: 0 });
});

test("a list of ids is cancelled; those that cannot be are named with the reason, and the same key begins it once", async () => {
  const order = newOrder();
  await service.receive(created(order), stockTaken(order), delivery(order), delivered(order), completed(order));
  const [ended] = await service.context.db.execute<{ id: string }>(
    sql`select id from saga where order_id = ${order.orderId}`,
  );
  const stuck = await stuckSagas(2);
  const unknown = uuidV7();
  const ids = [...stuck.values(), ended?.id, unknown, unknown];
  const key = uuidV7();
  const first = await begin({ action: "CANCEL", ids, dryRun: false }, key);
  const again = await begin({ action: "CANCEL", ids, dryRun: false }, key);
  expect(again.operation?.id).toBe(first.operation?.id);
  await workThrough(first.operation?.id);
  const done = await operation(first.operation?.id);
  expect(done.outcomes).toEqual({ DONE: 2, SAGA_ENDED: 1 });
  expect(done.refusals).toEqual([{ id: ended?.id ?? "", code: "SAGA_ENDED", detail: "The saga has ended: COMPLETE." }]);
  const rows = await service.context.db.execute(
    sql`select id from saga where status = 'COMPENSATING' and id in ${[...stuck.values()]}`,
  );
  expect(rows).toHaveLength(2);
  const trail = await service.entriesAbout(first.operation?.id ?? "");
  const about = { actor: { role: "admin" }, subject: { type: "bulk-operation" } };
  expect(trail).toMatchObject([
    { ...about, action: "BULK_STARTED", after: { action: "CANCEL", ids: 4 } },
    {
      ...about,
      action: "BULK_CARRIED_OUT",
      after: { done: [...stuck.values()].toSorted(), refused: [{ id: ended?.id }] },
    },
  ]);
  expect(Object.keys(trail[1]?.before ?? {}).toSorted()).toEqual([...stuck.values()].toSorted());
});

test("an operation that is stopped does no more, and one whose replica is gone is carried on by another", async () => {
  const stuck = await stuckSagas(20);
  const body = { action: "RETRY", filter: { status: "STUCK" }, dryRun: false, ratePerSecond: 5 };
  const { operation: begun } = await begin(body);
  await work(async () => (await operation(begun?.id)).done >= 5);
  const before = (await operation(begun?.id)).done;
  expect(BulkOperation.parse((await call("POST", `/${begun?.id}/stop`)).body).status).toBe("STOPPED");
  const { operation: second } = await begin(body);
  await workThrough(second?.id);
  expect(await operation(begun?.id)).toMatchObject({ status: "STOPPED", done: before });
  expect(await operation(second?.id)).toMatchObject({ total: 20 - before, done: 20 - before });
  const sent = (await service.takeSent()).map(({ key }) => key);
  expect(sent.toSorted()).toEqual([...stuck.keys()].toSorted());
});

test("a saga that another session has locked holds up no operation: it is named as locked", async () => {
  const stuck = await stuckSagas(3);
  const [locked = ""] = stuck.values();
  const { operation: begun } = await begin({ action: "RETRY", ids: [...stuck.values()], dryRun: false });
  await inTransaction(service.context.db, async (tx) => {
    await tx.execute(sql`select from saga where id = ${locked} for update`);
    await workThrough(begun?.id);
  });
  expect((await operation(begun?.id)).outcomes).toEqual({ DONE: 2, LOCKED: 1 });
}, 30_000);

test("a call needs either ids or a filter, and an operation that is not known is 404", async () => {
  expect((await call("POST", "", { action: "RETRY" })).status).toBe(422);
  expect((await call("POST", "", { action: "RETRY", ids: [uuidV7()], filter: {} })).status).toBe(422);
  expect((await call("POST", "", { action: "RETRY", filter: { nonsense: 1 } })).status).toBe(422);
  expect((await call("GET", `/${uuidV7()}`)).status).toBe(404);
  expect((await call("GET", "?limit=1")).body).toMatchObject({ items: [{ action: "RETRY" }] });
});

test("sagas are found by a customer or a product of their orders, in a list as in a bulk operation", async () => {
  const [one, other] = [newOrder(), newOrder()];
  await service.receive(created(one), created(other));
  const headers = await service.as("admin", admin);
  const [productId] = one.items.map((item) => item.productId);
  for (const filter of [{ customerId: one.customerId }, { productId: productId?.toUpperCase() ?? "" }]) {
    const query = new URLSearchParams(filter).toString();
    const response = await service.app.request(`/api/sagas?${query}`, { headers });
    const list = (await response.json()) as { items: readonly { orderId: string }[]; nextCursor: string | null };
    expect([list.items.map(({ orderId }) => orderId), list.nextCursor]).toEqual([[one.orderId], null]);
    const answer = await begin({ action: "RETRY", filter });
    expect(answer.sample.map(({ what }) => what)).toEqual([`order ${one.orderId}, RUNNING in DECREASE_PRODUCT`]);
  }
});
