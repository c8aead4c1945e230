import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { join } from "node:path";
import { processNames } from "@shop/contracts/services";
import { eventually } from "@shop/testing/eventually";
import { type Balancer, startBalancer } from "../support/balancer.ts";
import {
  excessOver,
  lateAtStop,
  lateBetween,
  type LateRefusal,
  lateRefusal,
  type Stop,
  type Stretch,
} from "../support/late-refusals.ts";
import { tokenOf } from "../support/requests.ts";
import { type Called, type Caller, startSteadyLoad, type SteadyLoad } from "../support/steady-load.ts";
import { deliveryAddress, newProduct, startTestSystem, type TestSystem } from "../support/test-system.ts";

/** The default: long enough for the balancer and the pools to notice, and for a machine that stands still for a second. */
const DRAIN_MS = "2000";
/** So long that only a call which was lost is given up, and none that is answered slowly; shorter than its caller's timeout. */
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
    replicas: Object.fromEntries(processNames.map((name) => [name, 2])),
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
    { what: "me", pauseMs: 1_500, next: () => get("/api/users/me", customer) },
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

/** For so long the load runs before anything is stopped. It fits into the time that a new key waits before it signs, like the stops. */
const BASELINE_MS = 45_000;

/** So often a service is stopped again at which a process was late as it stopped: a handler that hangs does so again, a busy moment of the machine does not come back. */
const STOPS_AGAIN = 4;

interface Judged {
  /** The calls that failed, with what the processes logged about each; those that were refused late are judged against the baseline. */
  readonly failed: readonly (Called & { readonly logged: readonly string[] })[];
  readonly late: readonly LateRefusal[];
}

function judge(called: readonly Called[]): Judged {
  const failed = called
    .filter(({ status }) => status === 0 || status >= 400)
    .map((call) => {
      const id = /"requestId":"([^"]+)"/.exec(call.detail)?.[1];
      const logged = id === undefined ? [] : shop.logs.filter((line) => line.includes(id));
      return { ...call, logged, late: lateRefusal(call, logged) };
    });
  return {
    failed: failed.filter(({ late }) => late === undefined),
    late: failed.flatMap(({ late }) => (late === undefined ? [] : [late])),
  };
}

/** Fails with each call that failed and was not merely late. */
function stretchOf(fromMs: number, called: readonly Called[]): Stretch {
  const { failed, late } = judge(called);
  expect(failed).toEqual([]);
  const untilMs = Date.now();
  return { fromMs, untilMs, calls: called.length, late: lateBetween(fromMs, untilMs, shop.logs, late) };
}

describe("under load from all sides, while the keys of tokens are rotated", () => {
  let kidBefore: string;
  let baseline: Stretch;
  /** From the first stop on. */
  let stopsFrom: { readonly atMs: number; readonly call: number };
  const stops: Stop[] = [];

  test("a new key is made, which signs nothing yet", async () => {
    kidBefore = kidOf(newestToken);
    expect(await rotateKeys()).toBe(0);
    expect(kidOf(newestToken)).toBe(kidBefore);
  });

  test("while nothing is stopped no call fails but what this machine is too busy for: the baseline", async () => {
    const load = theLoad();
    const [fromMs, before] = [Date.now(), load.called.length];
    await Bun.sleep(BASELINE_MS);
    baseline = stretchOf(fromMs, load.called.slice(before));
    expect(baseline.calls).toBeGreaterThan(100);
    stopsFrom = { atMs: Date.now(), call: load.called.length };
  }, 120_000);

  test.each(processNames)(
    "each replica of %s is stopped and started again, and no call fails",
    async (name) => {
      const load = theLoad();
      const { supervisor } = shop.system;
      const before = load.called.length;
      /** @returns whether one of them was late as it stopped */
      const restartAll = async () => {
        const begun = stops.length;
        for (const replica of shop.system.services[name].replicas) {
          const fromMs = Date.now();
          await supervisor.kill(replica.name, "SIGTERM");
          stops.push({ process: replica.name, fromMs, untilMs: Date.now() });
          await supervisor.restart(replica.name);
        }
        const late = lateBetween(stopsFrom.atMs, Date.now(), shop.logs, []);
        return stops.slice(begun).some((stop) => lateAtStop(stop, late).length > 0);
      };
      if (await restartAll()) for (let again = 0; again < STOPS_AGAIN; again += 1) await restartAll();
      // Anyone who was told to come elsewhere has done so, and every caller has been answered since.
      const restarted = load.called.length;
      const kinds = new Set(load.called.map(({ what }) => what));
      await eventually(() => {
        const since = new Set(load.called.slice(restarted).map(({ what }) => what));
        expect([...kinds].filter((what) => !since.has(what))).toEqual([]);
      });
      expect(judge(load.called.slice(before)).failed).toEqual([]);
    },
    600_000,
  );

  test("calls were refused as late no more often while processes stopped than before, as this machine goes", () => {
    const faulted = stretchOf(stopsFrom.atMs, theLoad().called.slice(stopsFrom.call));
    expect(stops.length).toBeGreaterThanOrEqual(2 * processNames.length);
    process.stdout.write(
      `late: ${baseline.late.length} in ${baseline.calls} calls before, ${faulted.late.length} in ${faulted.calls} while processes stopped\n`,
    );
    expect(excessOver(baseline, faulted, stops)).toEqual([]);
  });

  test("two minutes after it was made the new key signs, and no token has been refused", async () => {
    const load = theLoad();
    const [fromMs, begun] = [Date.now(), load.called.length];
    await eventually(() => expect(kidOf(newestToken)).not.toBe(kidBefore), { deadlineMs: 150_000, pauseMs: 200 });
    const before = load.called.length;
    await eventually(() => expect(load.called.length).toBeGreaterThan(before + 500));
    expect(excessOver(baseline, stretchOf(fromMs, load.called.slice(begun)), [])).toEqual([]);
    expect(judge(load.called).failed).toEqual([]);
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
