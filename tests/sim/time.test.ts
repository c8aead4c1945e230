import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import type { LoadClient } from "../harness/load/client.ts";
import { assemble } from "./simulate.ts";
import { simulatedClient } from "./clients.ts";
import { Stores, World } from "./world.ts";

setDefaultTimeout(240_000);

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
/** The least that anything in a process waits: while time is skipped, while that comes to its end, and otherwise. */
const LEAST_SLEEP_MS = { skipping: 30 * MINUTE, ending: 5 * MINUTE, usually: MINUTE };

let stores: Stores;
beforeAll(async () => {
  stores = await Stores.open();
});
afterAll(() => stores.close());

/** A system of one replica of each service in which nothing goes wrong by itself, and those who use it. */
async function play(scenario: (shop: Awaited<ReturnType<typeof open>>) => Promise<void>): Promise<void> {
  await stores.reset();
  const world = new World(stores, { seed: 1, replicas: 1, stepFaults: new Set(), intensity: 0 });
  await world.scheduler.drive(
    (async () => {
      await scenario(await open(world));
      for (const replica of world.replicas) await replica.stop();
    })(),
  );
}

async function open(world: World) {
  const { scheduler, injector, replicasOf } = world;
  for (const replica of world.replicas) replica.start();
  const { customers, riders, plenty } = await assemble(world, [1_000]);
  scheduler.leastSleepMs = LEAST_SLEEP_MS.usually;
  const [customer] = customers;
  if (customer === undefined) throw new Error("there is no customer");
  const admin = simulatedClient(
    "admin",
    { role: "admin", id: "00000000-0000-7000-8000-0000000000a1" },
    { scheduler, injector, replicasOf },
    () => undefined,
  );
  return {
    ...{ world, customer, admin, rider: riders[0] },
    /** Lets so much time pass. */
    async letPass(ms: number): Promise<void> {
      scheduler.leastSleepMs = LEAST_SLEEP_MS.skipping;
      await scheduler.sleep(ms);
      // What sleeps for long wakes, and does what is due.
      scheduler.leastSleepMs = LEAST_SLEEP_MS.ending;
      await scheduler.sleep(LEAST_SLEEP_MS.skipping);
      scheduler.leastSleepMs = LEAST_SLEEP_MS.usually;
      await scheduler.sleep(LEAST_SLEEP_MS.ending);
    },
    async order(key: string): Promise<string> {
      const json = { items: [{ productId: plenty, quantity: 1 }], deliveryAddress: "here" };
      const { status, body } = await customer.call("POST", "/api/orders", { json, key });
      expect(status).toBe(201);
      return String(body["id"]);
    },
    /** The order's saga, as an admin sees it. */
    async saga(orderId: string): Promise<Readonly<Record<string, unknown>> | undefined> {
      const { body } = await admin.call("GET", `/api/sagas?orderId=${orderId}`);
      return (body["items"] as readonly Record<string, unknown>[])[0];
    },
  };
}

async function stateOf(customer: LoadClient, orderId: string) {
  const { body } = await customer.call("GET", `/api/orders/${orderId}`);
  return [body["status"], body["progress"], body["cancelReason"]];
}

describe("in simulated time", () => {
  test("an order waits for its rider for days, who is told of it again and again, and completes it then", () =>
    play(async ({ world, customer, rider, order, saga, letPass }) => {
      const orderId = await order("key-1");
      await letPass(2 * DAY);
      expect(await stateOf(customer, orderId)).toEqual(["PENDING", "WAITING_FOR_RIDER", null]);
      // A few times within the first hour, and once an hour from then on.
      const attempts = Number((await saga(orderId))?.["attempts"]);
      expect(attempts).toBeGreaterThan(2 * 12);
      expect(attempts).toBeLessThan(2 * 24 + 6);
      const { body } = await rider.call("GET", `/api/deliveries?orderId=${orderId}`);
      const [delivery] = body["items"] as readonly { readonly id: string }[];
      expect((await rider.call("PUT", `/api/deliveries/${delivery?.id}/complete`, { orderId })).status).toBe(200);
      await world.scheduler.sleep(3 * MINUTE);
      expect(await stateOf(customer, orderId)).toEqual(["COMPLETE", "COMPLETE", null]);
      expect(world.scheduler.now).toBeGreaterThan(2 * DAY);
    }));

  test("an order whose stock is never answered for is compensated past its deadline, is stuck while nobody answers that either, and ends when somebody does", () =>
    play(async ({ world, customer, order, saga, letPass }) => {
      const [product] = world.replicasOf("product");
      await product?.stop();
      const orderId = await order("key-1");
      await world.scheduler.sleep(5 * MINUTE);
      expect(await saga(orderId)).toMatchObject({ status: "RUNNING", step: "DECREASE_PRODUCT" });
      await world.scheduler.sleep(7 * MINUTE);
      expect(await saga(orderId)).toMatchObject({ status: "COMPENSATING", step: "INCREASE_PRODUCT" });
      await letPass(12 * HOUR);
      expect(await saga(orderId)).toMatchObject({ status: "STUCK", step: "INCREASE_PRODUCT" });
      product?.start();
      await world.scheduler.sleep(10 * MINUTE);
      expect(await saga(orderId)).toMatchObject({ status: "CANCELLED" });
      expect(await stateOf(customer, orderId)).toEqual(["CANCELLED", "CANCELLED", "TIMED_OUT"]);
    }));

  test("an idempotency key is the same order for a day, and a new one after it; messages are purged after some days", () =>
    play(async ({ world, order, letPass }) => {
      const first = await order("key-1");
      await letPass(12 * HOUR);
      expect(await order("key-1")).toBe(first);
      await letPass(13 * HOUR);
      expect(await order("key-1")).not.toBe(first);
      await letPass(3 * DAY);
      const { monitor } = world.stores.of("order");
      const [row] = await world.scheduler.look(
        async () =>
          monitor<{ n: number }[]>`select count(*)::int as n from outbox where payload->'data'->>'orderId' = ${first}`,
      );
      expect(row?.n).toBe(0);
    }));
});
