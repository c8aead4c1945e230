import { afterAll, afterEach, beforeAll, expect, test } from "bun:test";
import { uuidV7 } from "@shop/runtime/ids";
import { seededParticipant } from "@shop/service/testing/seeded-participant";
import { seeded } from "@shop/testing/seeded-secrets";
import { sql } from "drizzle-orm";
import { orchestratorService } from "./service.ts";
import { created, newOrder, stockTaken } from "./testing/saga-messages.ts";

let orchestrator: Awaited<ReturnType<typeof seededParticipant>>;
const newSecretOrder = () => ({ ...newOrder(), deliveryAddress: seeded("address") });

beforeAll(async () => {
  orchestrator = await seededParticipant(orchestratorService);
}, 120_000);
afterAll(() => orchestrator.close());
afterEach(async () => expect(await orchestrator.found()).toEqual([]));

test("sagas of which each statement fails write no address anywhere, in their dead letters neither", async () => {
  expect(await orchestrator.deliver(() => created(newSecretOrder()))).toBeGreaterThanOrEqual(6);
  expect(await orchestrator.deadLetters()).toBeGreaterThan(0);
  expect(await orchestrator.call("admin", uuidV7(), "POST", "/api/dead-letters/replay", () => ({}))).toBeGreaterThan(0);
  await orchestrator.call("admin", uuidV7(), "GET", "/api/sagas");
  await orchestrator.deliverPoison(created(newSecretOrder()));
}, 120_000);

test("a saga that cannot go on since its data is broken says so without the data, in its history, in the log and to an admin", async () => {
  const order = newSecretOrder();
  await orchestrator.service.receive(created(order));
  const broken = { ...order, items: seeded("items"), deliveryAddress: { not: seeded("address") } };
  const { db } = orchestrator.service.context;
  await db.execute(
    sql`update saga set data = ${JSON.stringify(broken)}::text::jsonb where order_id = ${order.orderId}`,
  );
  await orchestrator.service.receive(stockTaken(order));
  const [saga] = await db.execute<{ id: string; stuck: boolean }>(
    sql`select id, stuck_since is not null as stuck from saga where order_id = ${order.orderId}`,
  );
  expect(saga?.stuck).toBe(true);
  const [history] = await db.execute<{ detail: string }>(
    sql`select detail from saga_history where saga_id = ${saga?.id ?? ""} and detail like 'stuck:%'`,
  );
  expect(history?.detail).toContain("deliveryAddress: Invalid input: expected string");
  for (const what of ["retry", "cancel"]) {
    await orchestrator.call("admin", uuidV7(), "POST", `/api/sagas/${saga?.id ?? ""}/${what}`);
  }
}, 120_000);
