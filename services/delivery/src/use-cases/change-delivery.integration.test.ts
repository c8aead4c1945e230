import { afterAll, beforeAll, expect, spyOn, test } from "bun:test";
import { DeliveryCompleted } from "@shop/contracts/messages/delivery";
import { bySystem } from "@shop/database/audit-trail";
import { connectDatabase, type Database } from "@shop/database/connect";
import { isLockTimeout } from "@shop/database/errors";
import { uuidArray } from "@shop/database/rows";
import { inTransaction } from "@shop/database/transaction";
import { uuidV7 } from "@shop/runtime/ids";
import { type ParticipantUnderTest, participantUnderTest } from "@shop/service/testing/participant-under-test";
import { createTestDatabase, type TestDatabase } from "@shop/testing/database";
import { sql } from "drizzle-orm";
import { deliveryService } from "../service.ts";
import { create, rider, rider2 } from "../testing/deliveries-under-test.ts";
import { changeDeliveries, type DeliveryChangeResult } from "./change-delivery.ts";
import { claimDelivery } from "./claim-delivery.ts";
import { completeDelivery } from "./complete-delivery.ts";

let database: TestDatabase;
let other: Database;
let [service, twin]: ParticipantUnderTest[] = [];
beforeAll(async () => {
  database = await createTestDatabase({ service: "delivery" });
  other = connectDatabase({ url: database.url, applicationName: "another session", silentTransactionTimeoutMs: 0 });
  service = await participantUnderTest(deliveryService, database.url);
  twin = await participantUnderTest(deliveryService, database.url);
}, 120_000);
afterAll(async () => {
  await Promise.all([service?.close(), twin?.close(), other.$client.end()]);
  await database.drop();
});

const replica = (which: ParticipantUnderTest | undefined) => {
  if (which === undefined) throw new Error("the replicas are there once beforeAll has run");
  return which;
};
const changeOf = (which: ParticipantUnderTest | undefined) => changeDeliveries(replica(which).context);
const traceparent = `00-${"1".repeat(32)}-${"2".repeat(16)}-01`;
const completion = (deliveryId: string, riderId = rider) => ({ deliveryId, riderId, traceparent });

/** @returns the ids of new deliveries that wait for a rider */
async function waiting(count: number): Promise<string[]> {
  const orderIds = Array.from({ length: count }, uuidV7);
  await replica(service).receive(...orderIds.map(create));
  const rows = await other.execute<{ id: string }>(
    sql`select id from delivery where order_id = any(${uuidArray(orderIds)}) order by id`,
  );
  return rows.map(({ id }) => id);
}

/** @returns how many transactions last wrote these deliveries */
async function transactionsBehind(ids: readonly string[]): Promise<number> {
  const [row] = await other.execute<{ count: number }>(
    sql`select count(distinct xmin::text)::int as count from delivery where id = any(${uuidArray(ids)})`,
  );
  return row?.count ?? 0;
}

/** @returns the ids of deliveries that are told of as completed, one for each message */
async function toldAsCompleted(ids: readonly string[]): Promise<string[]> {
  const rows = await other.execute<{ id: string }>(sql`
    select payload -> 'data' ->> 'deliveryId' as id from outbox
    where payload ->> 'type' = ${DeliveryCompleted.type} and payload -> 'data' ->> 'deliveryId' = any(${`{${ids.join(",")}}`}::text[])
    order by 1`);
  return rows.map(({ id }) => id);
}

const outcomeOf = (result: DeliveryChangeResult) => (result.kind === "done" ? result.delivery.status : result.code);

test("in a group each call is answered for itself and fails alone: a locked delivery, another rider's, an unknown one, the same call twice, a call that fails", async () => {
  const change = changeOf(service);
  const [first = "", second = "", free = "", twice = "", taken = "", locked = "", claimed = "", failing = ""] =
    await waiting(8);
  await claimDelivery(change, { deliveryId: taken, riderId: rider2, origin: bySystem });

  const [isLocked, letGo] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  const holding = inTransaction(other, async (tx) => {
    await tx.execute(sql`select from delivery where id = ${locked} for update`);
    isLocked.resolve();
    await letGo.promise;
  });
  await isLocked.promise;

  // Two lone calls go out at once; what comes while they are under way is the group.
  const opening = [first, second].map((id) => completeDelivery(change, completion(id)));
  const held = completeDelivery(change, completion(locked));
  const fails = completeDelivery(change, { ...completion(failing), riderId: "no rider's id" });
  const settled = Promise.allSettled([
    ...[free, twice, twice, taken, uuidV7()].map((id) => completeDelivery(change, completion(id))),
    completeDelivery(change, completion(twice, rider2)),
    claimDelivery(change, { deliveryId: claimed, riderId: rider, origin: bySystem }),
    completeDelivery(change, completion(claimed)),
  ]);
  await expect(fails).rejects.toThrow();
  const results = (await settled).map((one) => (one.status === "fulfilled" ? outcomeOf(one.value) : one.reason));
  expect(results).toEqual([
    ...["COMPLETE", "COMPLETE", "COMPLETE", "DELIVERY_TAKEN", "NOT_FOUND", "DELIVERY_TAKEN", "PENDING", "COMPLETE"],
  ]);
  letGo.resolve();
  await holding;
  // A machine that is slow may take longer than the call waits for the lock.
  const ofLocked = await held.catch((error: unknown) => {
    if (!isLockTimeout(error)) throw error;
    return completeDelivery(change, completion(locked));
  });
  expect(outcomeOf(ofLocked)).toBe("COMPLETE");
  await Promise.all(opening);
  const complete = [first, second, free, twice, locked, claimed].toSorted();
  expect(await toldAsCompleted([...complete, taken, failing])).toEqual(complete);
});

test("calls that come together share one transaction", async () => {
  const change = changeOf(service);
  const ids = await waiting(42);
  const results = await Promise.all(ids.map((id) => completeDelivery(change, completion(id))));
  expect(results.map(outcomeOf)).toEqual(ids.map(() => "COMPLETE"));
  // Two that go out at once, and one for all that come meanwhile.
  expect(await transactionsBehind(ids)).toBe(3);
  expect(await toldAsCompleted(ids)).toEqual(ids);
});

test("fifty riders who complete at once over HTTP share a few transactions", async () => {
  const ids = await waiting(50);
  const { app, as } = replica(service);
  const headers = await as("rider", rider);
  const answers = await Promise.all(
    ids.map(async (id) => app.request(`/api/deliveries/${id}/complete`, { method: "PUT", headers })),
  );
  expect(answers.map(({ status }) => status)).toEqual(ids.map(() => 200));
  expect(await transactionsBehind(ids)).toBeLessThan(20);
  expect(await toldAsCompleted(ids)).toEqual(ids);
});

test("a lone call is two statements, one that reads and one that commits", async () => {
  const { app, as, context } = replica(service);
  const [id] = await waiting(1);
  const headers = await as("rider", rider);
  const complete = async () => app.request(`/api/deliveries/${id}/complete`, { method: "PUT", headers });
  const client = context.db.$client;
  const [statements, transactions] = [spyOn(client, "unsafe"), spyOn(client, "begin")];
  try {
    expect((await complete()).status).toBe(200);
    expect(statements.mock.calls.map(([text]) => text.trim().split(" ")[0])).toEqual(["select", "with"]);
    statements.mockClear();
    // The same again has nothing to commit.
    expect((await complete()).status).toBe(200);
    expect(statements).toHaveBeenCalledTimes(1);
    expect(transactions).not.toHaveBeenCalled();
  } finally {
    statements.mockRestore();
    transactions.mockRestore();
  }
});

test("of two riders who complete the same deliveries at two replicas one has each, and it is told once", async () => {
  const ids = await waiting(300);
  const [change, changeTwin] = [changeOf(service), changeOf(twin)];
  const [mine, theirs] = await Promise.all([
    Promise.all(ids.map((id) => completeDelivery(change, completion(id, rider)))),
    Promise.all(ids.toReversed().map((id) => completeDelivery(changeTwin, completion(id, rider2)))).then((all) =>
      all.toReversed(),
    ),
  ]);
  for (const [index] of ids.entries())
    expect([mine, theirs].map((all) => outcomeOf(all[index] as DeliveryChangeResult)).toSorted()).toEqual([
      "COMPLETE",
      "DELIVERY_TAKEN",
    ]);
  const rows = await other.execute<{ id: string; rider: string }>(
    sql`select id, rider_id as rider from delivery where id = any(${uuidArray(ids)}) order by id`,
  );
  expect(rows.map(({ rider: winner }) => winner)).toEqual(mine.map(({ kind }) => (kind === "done" ? rider : rider2)));
  expect(await toldAsCompleted(ids)).toEqual(ids);
});
