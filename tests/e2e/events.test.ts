import { afterAll, beforeAll, expect, test } from "bun:test";
import type { Shop } from "@shop/client/shop";
import { eventually } from "@shop/testing/eventually";
import { type EventWatcher, watchEvents } from "../support/event-watcher.ts";
import { tokenOf } from "../support/requests.ts";
import {
  deliveryOf,
  newProduct,
  orderBecomes,
  placeOrder,
  startTestSystem,
  type TestSystem,
} from "../support/test-system.ts";

let shop: TestSystem;
let customer: Shop;
let rider: Shop;
let token: string;
let tea: string;

beforeAll(async () => {
  // As many as one process takes by default are opened here, all of one customer.
  const settings = { MAX_EVENT_STREAMS_PER_USER: "3000", MAX_EVENT_STREAMS_PER_ORDER: "20" };
  shop = await startTestSystem({ replicas: { order: 2 }, settings });
  customer = await shop.logIn("customer");
  rider = await shop.logIn("rider");
  token = await tokenOf(shop.system.frontendUrl, "customer");
  tea = await newProduct(shop, 100_000);
}, 180_000);
afterAll(async () => {
  await shop.stop();
}, 180_000);

const placed = async () => (await placeOrder(customer, tea, 1)).id;

async function complete(orderId: string): Promise<void> {
  const { id } = await deliveryOf(rider, orderId);
  await rider.completeDelivery(id);
}

const watcherCount = async (service: "order" | "gateway" | "frontend") => {
  const metrics = await (await fetch(`${shop.system.services[service].managementUrl}/metrics`)).text();
  return Number(/^order_watchers (\d+)$/m.exec(metrics)?.[1]);
};

test("over both hops a customer follows an order to its end, and after a cut resumes with what was missed", async () => {
  const orderId = await placed();
  const first = watchEvents(shop.system.frontendUrl, orderId, token);
  await eventually(() => {
    if (first.events.at(-1)?.type !== "WAITING_FOR_RIDER" && first.events[0]?.id !== 3) throw new Error("not yet");
  });
  first.leave();
  await eventually(async () => expect(await watcherCount("order")).toBe(0));
  const seen = first.events.at(-1)?.id ?? 0;
  await complete(orderId);
  await orderBecomes(customer, orderId, "status", "COMPLETE");
  const second = watchEvents(shop.system.frontendUrl, orderId, token, seen);
  await second.closed;
  expect(second.endedWhole()).toBe(true);
  expect(second.events.map(({ id, type }) => `${id} ${type}`)).toEqual(["4 DELIVERED", "5 COMPLETE"]);
  const over = watchEvents(shop.system.frontendUrl, orderId, token, 5);
  await eventually(() => expect(over.statusLine()).toBe("HTTP/1.1 204 No Content"));
  over.leave();
}, 180_000);

test("a stream stays open beyond every deadline of the hops", async () => {
  const orderId = await placed();
  const watched = watchEvents(shop.system.frontendUrl, orderId, token);
  await eventually(() => expect(watched.events.length).toBeGreaterThan(0));
  // Longer than a handler, a forwarded call and a quiet connection may take.
  await Bun.sleep(12_000);
  await complete(orderId);
  await watched.closed;
  expect(watched.events.at(-1)?.type).toBe("COMPLETE");
}, 180_000);

const openStreams = async (service: "order" | "gateway" | "frontend") => {
  const metrics = await (await fetch(`${shop.system.services[service].managementUrl}/metrics`)).text();
  return Number(/^event_streams (\d+)$/m.exec(metrics)?.[1]);
};

test("callers who leave, whether they have read anything or not, leave no place taken at any hop", async () => {
  const orderId = await placed();
  for (let round = 0; round < 3; round += 1) {
    const watchers = Array.from({ length: 10 }, () => watchEvents(shop.system.frontendUrl, orderId, token));
    // Some leave before there is an answer, some while it comes, some behind the first event.
    for (const watcher of watchers.slice(0, 4)) watcher.leave();
    await Promise.any(
      watchers.slice(4).map((watcher) => eventually(() => expect(watcher.events.length).toBeGreaterThan(0))),
    );
    for (const watcher of watchers) watcher.leave();
    await eventually(async () => {
      const open = [await openStreams("frontend"), await openStreams("gateway"), await openStreams("order")];
      expect(open).toEqual([0, 0, 0]);
    });
  }
}, 180_000);

/** One who is told the state now; a service that is short of time answers 503, and they ask again. */
const watching = (orderId: string): Promise<EventWatcher> =>
  eventually(async () => {
    const watcher = watchEvents(shop.system.services.order.url, orderId, token);
    await Promise.race([watcher.closed, eventually(() => expect(watcher.statusLine()).not.toBe(""))]);
    if (!watcher.statusLine().startsWith("HTTP/1.1 200")) watcher.leave();
    expect(watcher.statusLine()).toBe("HTTP/1.1 200 OK");
    return watcher;
  });

test("2,000 watchers of one process each get their change", async () => {
  const WATCHERS = 2_000;
  const ORDERS = 200;
  const order = shop.system.services.order;
  const rss = async () => {
    const status = await Bun.file(`/proc/${order.pids()[0]}/status`).text();
    return Number(/VmRSS:\s+(\d+)/.exec(status)?.[1] ?? 0) / 1024;
  };
  const orderIds: string[] = [];
  for (let count = 0; count < ORDERS; count += 1) orderIds.push(await placed());
  for (const orderId of orderIds) await orderBecomes(customer, orderId, "progress", "WAITING_FOR_RIDER", 30_000);
  const before = await rss();
  const watchers: EventWatcher[] = [];
  while (watchers.length < WATCHERS) watchers.push(...(await Promise.all(orderIds.map(watching))));
  await eventually(async () => expect(await watcherCount("order")).toBe(WATCHERS));
  const after = await rss();
  const oneMore = watchEvents(order.url, orderIds[0] ?? "", token);
  await eventually(() => expect(oneMore.statusLine()).toBe("HTTP/1.1 503 Service Unavailable"));
  oneMore.leave();
  const latencies: number[] = [];
  for (const orderId of orderIds.slice(0, 50)) {
    const startedAt = performance.now();
    await customer.cancelOrder(orderId);
    const mine = watchers.filter((_, index) => orderIds[index % ORDERS] === orderId);
    await eventually(() => {
      for (const { events } of mine) expect(events.some(({ type }) => type === "CANCELLING")).toBe(true);
    });
    for (const { events } of mine) {
      latencies.push((events.find(({ type }) => type === "CANCELLING")?.atMs ?? 0) - startedAt);
    }
  }
  latencies.sort((a, b) => a - b);
  const at = (share: number) => `${Math.round(latencies[Math.floor(latencies.length * share)] ?? 0)} ms`;
  process.stdout.write(
    `  ${WATCHERS} watchers: ${(after - before).toFixed(0)} MB more (${before.toFixed(0)} MB before); ` +
      `from cancel to event p50 ${at(0.5)}, p99 ${at(0.99)}\n`,
  );
  expect((after - before) / WATCHERS).toBeLessThan(0.05);
  // What compose.yaml and Kubernetes give a process.
  expect(after).toBeLessThan(256);

  // A stop is asked for while all of the others are open: it ends them, whole, and is done in its time.
  const open = watchers.filter((_, index) => index % ORDERS >= 50);
  const stoppedAt = performance.now();
  await shop.system.supervisor.restart("order");
  await Promise.all(open.map(({ closed }) => closed));
  process.stdout.write(`  stopped and started again in ${Math.round(performance.now() - stoppedAt)} ms\n`);
  expect(open.filter((watcher) => !watcher.endedWhole())).toEqual([]);
  for (const watcher of watchers) watcher.leave();
}, 240_000);

test("a gateway and a frontend that stop end the streams that go through them", async () => {
  for (const name of ["gateway", "frontend"] as const) {
    const orderId = await placed();
    const watched = watchEvents(shop.system.frontendUrl, orderId, token);
    await eventually(() => expect(watched.events.length).toBeGreaterThan(0));
    await shop.system.supervisor.restart(name);
    await watched.closed;
    expect(watched.endedWhole()).toBe(true);
    const resumed = watchEvents(shop.system.frontendUrl, orderId, token, watched.events.at(-1)?.id ?? 0);
    await complete(orderId);
    await resumed.closed;
    expect(resumed.events.at(-1)?.type).toBe("COMPLETE");
  }
}, 180_000);
