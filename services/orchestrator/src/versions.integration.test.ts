import { afterAll, beforeAll, expect, test } from "bun:test";
import type { Saga, SagaPicture } from "@shop/contracts/http/saga";
import { CreateDeliveryCommand } from "@shop/contracts/messages/delivery";
import { CompleteOrderCommand, type OrderSnapshot } from "@shop/contracts/messages/order";
import type { CancelReason } from "@shop/contracts/primitives";
import { DecreaseProductCommand } from "@shop/contracts/messages/product";
import { participantUnderTest, type ParticipantUnderTest } from "@shop/service/testing/participant-under-test";
import { uuidV7 } from "@shop/runtime/ids";
import { createTestDatabase, type TestDatabase } from "@shop/testing/database";
import { eventually } from "@shop/testing/eventually";
import { sql } from "drizzle-orm";
import type { SagaDefinition } from "./saga/definition.ts";
import { runSagaTimers } from "./saga/run.ts";
import { type SagaVersions, sagaVersions } from "./saga/versions.ts";
import { watchSagas } from "./saga/watch.ts";
import { orderSaga } from "./sagas/order.saga.ts";
import { createOrchestrator } from "./service.ts";
import { completed, created, delivered, delivery, newOrder, stockTaken } from "./testing/saga-messages.ts";

const version1 = orderSaga;
/** A release after it, which creates the delivery first and takes the stock then. */
const version2: SagaDefinition<OrderSnapshot, CancelReason> = {
  ...orderSaga,
  version: version1.version + 1,
  compensatable: orderSaga.compensatable.toReversed(),
};
const oldRelease = sagaVersions([version1]);
const newRelease = sagaVersions([version1, version2]);

let database: TestDatabase;
const running: ParticipantUnderTest[] = [];

async function start(versions: SagaVersions<OrderSnapshot, CancelReason>): Promise<ParticipantUnderTest> {
  const service = await participantUnderTest(createOrchestrator(versions), database.url);
  await service.takeSent();
  running.push(service);
  return service;
}

beforeAll(async () => {
  database = await createTestDatabase({ service: "orchestrator" });
}, 120_000);
afterAll(async () => {
  for (const service of running) await service.close();
  await database.drop();
});

const sentBy = async (service: ParticipantUnderTest) => (await service.takeSent()).map(({ type }) => type);
const isStuck = async (service: ParticipantUnderTest, { orderId }: OrderSnapshot) =>
  (
    await service.context.db.execute<{ stuck: boolean }>(
      sql`select stuck_since is not null as stuck from saga where order_id = ${orderId}`,
    )
  )[0]?.stuck;
const sagaOf = async (service: ParticipantUnderTest, { orderId }: OrderSnapshot) =>
  (
    await service.context.db.execute<{ version: number; status: string; step: string; due_in_ms: number }>(
      sql`select version, status, step, extract(epoch from next_attempt_at) * 1000 - ${service.clock.now()}::float8 as due_in_ms
          from saga where order_id = ${orderId}`,
    )
  )[0];

/** The version that the API gives of a saga, and the steps of its picture. */
async function pictureOf(service: ParticipantUnderTest, { orderId }: OrderSnapshot) {
  const headers = await service.as("admin", uuidV7());
  const get = async <Answer>(path: string) => (await (await service.app.request(path, { headers })).json()) as Answer;
  const { items } = await get<{ items: readonly Saga[] }>(`/api/sagas?orderId=${orderId}`);
  const { version, forward } = await get<SagaPicture>(`/api/sagas/${items[0]?.id}/picture`);
  expect(items[0]?.version).toBe(version);
  return { version, steps: forward.map(({ name }): string => name) };
}

/** Lets a replica's timers look once, after its clock has gone on. */
const wakeAfter = (service: ParticipantUnderTest, versions: SagaVersions<OrderSnapshot, CancelReason>, ms: number) =>
  lookOnceAfter(service, ms, (signal) => runSagaTimers(service.context, signal, versions));

async function lookOnceAfter(
  service: ParticipantUnderTest,
  ms: number,
  look: (signal: AbortSignal) => Promise<void>,
): Promise<void> {
  await service.clock.advance(ms);
  const stopping = new AbortController();
  const looking = look(stopping.signal);
  await eventually(() => expect(service.clock.sleeperCount).toBe(1));
  stopping.abort();
  await looking;
}

test("over an upgrade a saga in flight goes on under the version it began with, and a new one begins under the new", async () => {
  const old = newOrder();
  const before = await start(oldRelease);
  await before.receive(created(old));
  expect(await sentBy(before)).toEqual([DecreaseProductCommand.type]);

  const after = await start(newRelease);
  const fresh = newOrder();
  await after.receive(stockTaken(old), created(fresh));
  // The same step is the first of the old way and the second of the new one.
  expect(await sentBy(after)).toEqual([CreateDeliveryCommand.type, CreateDeliveryCommand.type]);
  expect(await sagaOf(after, old)).toMatchObject({ version: 1, step: "CREATE_DELIVERY" });
  expect(await sagaOf(after, fresh)).toMatchObject({ version: 2, step: "CREATE_DELIVERY" });

  await after.receive(delivery(old), delivery(fresh));
  expect(await sentBy(after)).toEqual([DecreaseProductCommand.type]);
  expect(await sagaOf(after, old)).toMatchObject({ version: 1, step: "WAIT_FOR_RIDER" });
  expect(await sagaOf(after, fresh)).toMatchObject({ version: 2, step: "DECREASE_PRODUCT" });
  // An operator is shown each with the steps of its own version.
  const steps = ["DECREASE_PRODUCT", "CREATE_DELIVERY", "WAIT_FOR_RIDER", "COMPLETE_ORDER"];
  expect(await pictureOf(after, old)).toEqual({ version: 1, steps });
  expect(await pictureOf(after, fresh)).toEqual({
    version: 2,
    steps: ["CREATE_DELIVERY", "DECREASE_PRODUCT", ...steps.slice(2)],
  });

  await after.receive(stockTaken(fresh));
  await after.receive(delivered(old), delivered(fresh));
  expect(await sentBy(after)).toEqual([CompleteOrderCommand.type, CompleteOrderCommand.type]);
  await after.receive(completed(old), completed(fresh));
  expect(await sagaOf(after, old)).toMatchObject({ version: 1, status: "COMPLETE" });
  expect(await sagaOf(after, fresh)).toMatchObject({ version: 2, status: "COMPLETE" });
});

test("the timers of both releases run side by side, and the old one leaves alone what the new one has begun, however much that is", async () => {
  const old = newOrder();
  // More than are woken at once, and due before the old one.
  const fresh = Array.from({ length: 250 }, newOrder);
  const [before, after] = [await start(oldRelease), await start(newRelease)];
  await after.receive(...fresh.map(created));
  await before.clock.advance(1_000);
  await before.receive(created(old));
  await sentBy(after);
  await wakeAfter(before, oldRelease, 5_000);
  expect(await sentBy(after)).toEqual([DecreaseProductCommand.type]);
  await wakeAfter(after, newRelease, 5_000);
  expect(await sentBy(after)).toEqual(fresh.map(() => CreateDeliveryCommand.type));
});

test("a message for a new saga that reaches the old release holds up nothing, is no dead letter, and is asked for again", async () => {
  const [old, fresh] = [newOrder(), newOrder()];
  const [before, after] = [await start(oldRelease), await start(newRelease)];
  await before.receive(created(old));
  await after.receive(created(fresh));
  await after.receive(delivery(fresh), stockTaken(fresh));
  expect(await sagaOf(after, fresh)).toMatchObject({ version: 2, step: "WAIT_FOR_RIDER" });
  await sentBy(after);

  await before.receive(delivered(fresh), stockTaken(old));
  expect(await sentBy(after)).toEqual([CreateDeliveryCommand.type]);
  expect(await before.context.db.execute(sql`select from dead_letter`)).toHaveLength(0);
  const left = await sagaOf(after, fresh);
  expect(left).toMatchObject({ version: 2, status: "RUNNING", step: "WAIT_FOR_RIDER" });
  expect(left?.due_in_ms).toBeLessThanOrEqual(5_000);

  // The release that knows it asks for the delivery, and the delivery service answers with what its rider did.
  await wakeAfter(after, newRelease, 5_000);
  expect(await sentBy(after)).toContain(CreateDeliveryCommand.type);
  await after.receive(delivered(fresh));
  expect(await sagaOf(after, fresh)).toMatchObject({ version: 2, step: "COMPLETE_ORDER" });
});

test("a saga that no running release knew is stuck no more once one that does is back and its participant has answered, however long its rider takes", async () => {
  const fresh = newOrder();
  const [before, after] = [await start(oldRelease), await start(newRelease)];
  await after.receive(created(fresh), delivery(fresh), stockTaken(fresh));
  await before.clock.advance(700_000);
  // Those of the other tests are shown first.
  await eventually(async () => {
    await lookOnceAfter(before, 15_000, (signal) => watchSagas(before.context, signal, oldRelease));
    expect(await isStuck(after, fresh)).toBe(true);
  });
  await sentBy(after);

  await wakeAfter(after, newRelease, 800_000);
  expect(await sentBy(after)).toContain(CreateDeliveryCommand.type);
  await after.receive(delivery(fresh));
  expect(await isStuck(after, fresh)).toBe(false);
  expect(await sagaOf(after, fresh)).toMatchObject({ version: 2, status: "RUNNING", step: "WAIT_FOR_RIDER" });
  expect(await sentBy(after)).toEqual([]);
});
