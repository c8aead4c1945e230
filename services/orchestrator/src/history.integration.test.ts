import { afterAll, beforeAll, expect, test } from "bun:test";
import { Saga, SagaHistoryEntry } from "@shop/contracts/http/saga";
import type { OrderSnapshot } from "@shop/contracts/messages/order";
import { uuidV7 } from "@shop/runtime/ids";
import { participantUnderTest, type ParticipantUnderTest } from "@shop/service/testing/participant-under-test";
import { createTestDatabase, type TestDatabase } from "@shop/testing/database";
import { eventually } from "@shop/testing/eventually";
import { sql } from "drizzle-orm";
import { runSagaTimers } from "./saga/run.ts";
import { orderSagaVersions } from "./sagas/registry.ts";
import { orchestratorService } from "./service.ts";
import { created, newOrder } from "./testing/saga-messages.ts";

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

async function get(path: string) {
  const response = await service.app.request(`/api/sagas${path}`, { headers: await service.as("admin", uuidV7()) });
  return { status: response.status, body: (await response.json()) as Record<string, unknown> };
}

async function sagaOf({ orderId }: OrderSnapshot): Promise<Saga> {
  const { body } = await get(`?orderId=${orderId}`);
  return Saga.parse((body["items"] as unknown[])[0]);
}

/** What the timers do when they look once, a minute from now. */
async function wake(): Promise<void> {
  await service.clock.advance(60_000);
  const stopping = new AbortController();
  const timers = runSagaTimers(service.context, stopping.signal, orderSagaVersions);
  await eventually(() => expect(service.clock.sleeperCount).toBe(1));
  stopping.abort();
  await timers;
}

test("a saga that is stuck for long has one entry for all that it sent again, with how often and when last", async () => {
  const order = newOrder();
  await service.receive(created(order));
  const began = await sagaOf(order);
  // The step's deadline of ten minutes, then its compensation: from there on it is stuck.
  for (let minute = 0; minute < 60; minute += 1) await wake();
  const saga = await sagaOf(order);
  expect(saga).toMatchObject({ status: "STUCK", version: began.version, historyCount: saga.history.length });
  expect(saga.history.length).toBeLessThan(began.history.length + 10);
  const last = saga.history.at(-1);
  expect(last).toMatchObject({ detail: `stuck: retry, attempt ${saga.attempts}` });
  expect(last?.times).toBeGreaterThan(20);
  expect(Date.parse(last?.lastAt ?? "")).toBe(service.clock.now());
  expect(saga.history.find(({ detail }) => detail.startsWith("no reply"))?.times).toBeGreaterThan(1);
  // Each send is counted once.
  const sends = saga.history.filter(({ detail, step }) => step === saga.step && detail.includes("retry, attempt"));
  expect(sends.reduce((sum, { times }) => sum + times, 0)).toBe(saga.attempts - 1);
}, 60_000);

test("a saga shows the last 20 entries of its history, and a call of its own pages through all of them", async () => {
  const order = newOrder();
  await service.receive(created(order));
  const { id } = await sagaOf(order);
  await service.context.db.execute(sql`
    insert into saga_history (saga_id, seq, at, step, detail)
    select ${id}, n, now(), 'DECREASE_PRODUCT', 'entry ' || n from generate_series(1000, 1249) as n`);
  const saga = await sagaOf(order);
  expect(saga.historyCount).toBe(251);
  expect(saga.history.map(({ detail }) => detail)).toEqual(Array.from({ length: 20 }, (_, n) => `entry ${1230 + n}`));
  expect(Saga.parse((await get(`/${id}`)).body)).toEqual(saga);

  const seen: SagaHistoryEntry[] = [];
  let cursor = "";
  do {
    const { status, body } = await get(`/${id}/history?limit=100${cursor}`);
    expect(status).toBe(200);
    seen.push(...(body["items"] as unknown[]).map((entry) => SagaHistoryEntry.parse(entry)));
    const next = body["nextCursor"] as string | null;
    cursor = next === null ? "" : `&cursor=${next}`;
  } while (cursor !== "");
  expect(seen).toHaveLength(251);
  expect(seen.slice(0, 250).map(({ detail }) => detail)).toEqual(
    Array.from({ length: 250 }, (_, n) => `entry ${1249 - n}`),
  );
});

test("the history of no saga is not found, and a cursor that no page has given is either refused or gives a page", async () => {
  expect((await get(`/${uuidV7()}/history`)).status).toBe(404);
  const { id } = await sagaOf(await begun());
  expect((await get(`/${id}/history?cursor=x`)).status).toBe(422);
  expect(await get(`/${id}/history?cursor=${"f".repeat(32)}`)).toMatchObject({ status: 200 });
  expect(await get(`/${id}/history?cursor=${"0".repeat(32)}`)).toMatchObject({ status: 200, body: { items: [] } });
});

async function begun(): Promise<OrderSnapshot> {
  const order = newOrder();
  await service.receive(created(order));
  return order;
}
