import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { join } from "node:path";
import { serviceNames } from "@shop/local/services";
import { eventually } from "@shop/testing/eventually";
import { type Balancer, startBalancer } from "../support/balancer.ts";
import { tokenOf } from "../support/requests.ts";
import { type Called, type Caller, startSteadyLoad, type SteadyLoad } from "../support/steady-load.ts";
import { deliveryAddress, newProduct, startTestSystem, type TestSystem } from "../support/test-system.ts";

/** Long enough for the balancer and the pools to notice, short enough for a test. */
const DRAIN_MS = "1000";
/** So long that only a call which was lost is given up, and none that is answered slowly; shorter than its caller's patience. */
const UPSTREAM_TIMEOUT_MS = "20000";

let shop: TestSystem;
let balancer: Balancer | undefined;
/** Undefined when the system could not be started. */
let running: SteadyLoad | undefined;
let productId: string;
/** How much of the product orders held before the load. */
let heldBefore: number;
/** Of customer2, from the newest login. */
let newestToken: string;

beforeAll(async () => {
  shop = await startTestSystem({
    replicas: Object.fromEntries(serviceNames.map((name) => [name, 2])),
    settings: { DRAIN_MS, UPSTREAM_TIMEOUT_MS },
    async frontDoor(name, replicas) {
      if (name !== "frontend") return undefined;
      balancer = await startBalancer(replicas);
      return balancer.url;
    },
  });
  productId = await newProduct(shop, 1_000_000);
  heldBefore = await held();
  newestToken = await tokenOf(shop.system.frontendUrl, "customer2");
  running = startSteadyLoad(shop.system.frontendUrl, await callersFor(shop.system.frontendUrl));
}, 240_000);
afterAll(async () => {
  await running?.stop();
  await balancer?.close();
  await shop.stop();
}, 240_000);

async function held(): Promise<number> {
  const { products } = await shop.booksBalance();
  return products.find(({ id }) => id === productId)?.ordered ?? 0;
}

async function callersFor(url: string): Promise<readonly Caller[]> {
  const bearer = async (name: string) => ({ authorization: `Bearer ${await tokenOf(url, name)}` });
  const [customer, rider, admin] = await Promise.all([bearer("customer"), bearer("rider"), bearer("admin")]);
  const order = { items: [{ productId, quantity: 1 }], deliveryAddress };
  const get = (path: string, headers = {}) => ({ method: "GET", path, headers });
  return [
    { what: "page", pauseMs: 50, next: () => get("/") },
    { what: "products", pauseMs: 10, next: () => get("/api/products?limit=5") },
    { what: "orders", pauseMs: 30, next: () => get("/api/orders?limit=5", customer) },
    { what: "deliveries", pauseMs: 30, next: () => get("/api/deliveries?limit=5", rider) },
    { what: "sagas", pauseMs: 30, next: () => get("/api/sagas?limit=5", admin) },
    // Seldom enough to be idle for most of the time that a process takes to stop.
    { what: "me", pauseMs: 700, next: () => get("/api/users/me", customer) },
    ...Array.from({ length: 3 }, (): Caller => {
      return {
        what: "order",
        pauseMs: 80,
        next: () => ({ method: "POST", path: "/api/orders", headers: customer, body: order }),
      };
    }),
    {
      what: "order with a key",
      pauseMs: 40,
      next: () => ({
        method: "POST",
        path: "/api/orders",
        headers: { ...customer, "idempotency-key": crypto.randomUUID() },
        body: order,
      }),
    },
    {
      what: "orders with the newest token",
      pauseMs: 10,
      next: () => get("/api/orders?limit=1", { authorization: `Bearer ${newestToken}` }),
    },
    {
      what: "me with the newest token",
      pauseMs: 20,
      next: () => get("/api/users/me", { authorization: `Bearer ${newestToken}` }),
    },
    {
      what: "login",
      pauseMs: 1_500,
      onAnswer: (body) => (newestToken = String(Object(JSON.parse(body))["accessToken"])),
      next: () => ({
        method: "POST",
        path: "/login",
        body: { username: "customer2", password: "customer2-password" },
      }),
    },
  ];
}

/** As an operator does it. */
async function rotateKeys(): Promise<number> {
  const command = Bun.spawn([process.execPath, "services/user/src/rotate-keys.ts"], {
    cwd: join(import.meta.dir, "..", ".."),
    env: { PATH: process.env["PATH"], DATABASE_URL: shop.system.databaseUrls.get("user") },
    stdout: "ignore",
  });
  return command.exited;
}

const kidOf = (token: string) =>
  (JSON.parse(Buffer.from(token.split(".")[0] ?? "", "base64url").toString()) as { kid: string }).kid;

function theLoad(): SteadyLoad {
  if (running === undefined) throw new Error("the load has not been started");
  return running;
}

/** What a service says that has taken a call and is too slow for it: on a machine that is as busy as that, a restart is not what failed the call. */
const TOO_SLOW =
  /was not done after \d+ ms|an item waited for more than|items wait for too long|a password waited too long/;

/** The calls that failed, with what the processes logged about each; without those that their service was too slow for. */
function failuresOf(called: readonly Called[]): readonly Called[] {
  return called
    .filter(({ status }) => status === 0 || status >= 400)
    .map((call) => {
      const id = /"requestId":"([^"]+)"/.exec(call.detail)?.[1];
      return { ...call, logged: id === undefined ? [] : shop.logs.filter((line) => line.includes(id)) };
    })
    .filter(({ status, logged }) => status !== 503 || !logged.some((line) => TOO_SLOW.test(line)));
}

describe("under load from all sides, while the keys of tokens are rotated", () => {
  let kidBefore: string;

  test("a new key is made, which signs nothing yet", async () => {
    kidBefore = kidOf(newestToken);
    expect(await rotateKeys()).toBe(0);
    expect(kidOf(newestToken)).toBe(kidBefore);
  });

  test.each(serviceNames)("each replica of %s is stopped and started again, and no call fails", async (name) => {
    const load = theLoad();
    const before = load.called.length;
    for (const replica of shop.system.services[name].replicas) await shop.system.supervisor.restart(replica.name);
    // Whoever was told to come elsewhere has done so, and every caller has been answered since.
    const restarted = load.called.length;
    const kinds = new Set(load.called.map(({ what }) => what));
    await eventually(() => {
      const since = new Set(load.called.slice(restarted).map(({ what }) => what));
      expect([...kinds].filter((what) => !since.has(what))).toEqual([]);
    });
    expect(failuresOf(load.called.slice(before))).toEqual([]);
  });

  test("two minutes after it was made the new key signs, and no token has been refused", async () => {
    await eventually(() => expect(kidOf(newestToken)).not.toBe(kidBefore), { deadlineMs: 150_000, pauseMs: 200 });
    const load = theLoad();
    const before = load.called.length;
    await eventually(() => expect(load.called.length).toBeGreaterThan(before + 500));
    // Nobody was stopped meanwhile: what a busy machine has refused for now says nothing about tokens.
    expect(failuresOf(load.called).filter(({ status }) => status !== 503)).toEqual([]);
  }, 240_000);

  test("afterwards each order that was answered with 201 is there, no more than those that were not answered besides, and the books balance", async () => {
    const load = theLoad();
    await load.stop();
    const placed = load.called.filter(({ what, status }) => what.startsWith("order") && status === 201);
    expect(placed.length).toBeGreaterThan(100);
    const refused = load.called.filter(({ what, status }) => what.startsWith("order") && status === 503);
    // Each is for one piece. What was refused as late may have been done after all.
    const ordered = (await held()) - heldBefore;
    expect(ordered).toBeGreaterThanOrEqual(placed.length);
    expect(ordered).toBeLessThanOrEqual(placed.length + refused.length);
  });
});
