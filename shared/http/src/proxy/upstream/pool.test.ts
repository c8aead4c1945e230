import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import { delay, http, HttpResponse } from "msw";
import { setupServer } from "msw/node";
import { systemClock } from "@shop/runtime/clock";
import { createMetrics, type Metrics } from "@shop/runtime/metrics";
import { eventually } from "@shop/testing/eventually";
import { capturedLogger } from "@shop/testing/logger";
import { createUpstreamPool, type UpstreamPool } from "./pool.ts";

/** Addresses that are in no network: answered by the mock alone. */
const [A, B, C] = ["http://192.0.2.1", "http://192.0.2.2", "http://192.0.2.3"] as const;
/** Ends what hangs. */
const HANGS_MS = 30_000;
const upstream = setupServer();
let received: string[];
let pool: UpstreamPool;
let metrics: Metrics;

beforeAll(() => upstream.listen({ onUnhandledRequest: "error" }));
afterEach(() => upstream.resetHandlers());
afterAll(() => upstream.close());
beforeEach(async () => {
  received = [];
  metrics = createMetrics();
  pool = createUpstreamPool({
    ...{ name: "order", urls: [A, B], clock: systemClock },
    ...{ logger: capturedLogger().logger, metrics },
  });
  upstream.use(http.get("*/livez", () => new HttpResponse(null, { status: 404 })));
  answer(A, 200);
  answer(B, 200);
  // Both have been probed by then.
  await eventually(async () => {
    received = [];
    await Promise.all(Array.from({ length: 6 }, () => send(true)));
    expect(new Set(received)).toEqual(new Set([A, B]));
  });
  received = [];
});

function answer(address: string, status: number, headers: Record<string, string> = {}): void {
  upstream.use(
    http.get(`${address}/api/orders`, () => {
      received.push(address);
      return HttpResponse.json({ address }, { status, headers });
    }),
  );
}

async function send(repeatable: boolean): Promise<number> {
  const response = await pool.send(async ({ url, fetch: sendTo }, signal) => sendTo(`${url}/api/orders`, { signal }), {
    repeatable,
    signal: AbortSignal.timeout(HANGS_MS),
  });
  return response.status;
}

describe("a 503 of one replica", () => {
  test("is not the caller's matter when the call may be repeated: the other one is asked", async () => {
    answer(A, 503);
    for (let sent = 0; sent < 10; sent += 1) expect(await send(true)).toBe(200);
    expect(received).toContain(A);
  });

  test("is the answer to a call that must not be repeated", async () => {
    answer(A, 503);
    answer(B, 503);
    expect(await send(false)).toBe(503);
    expect(received).toHaveLength(1);
  });

  test("of both is given back after each was asked once", async () => {
    answer(A, 503);
    answer(B, 503);
    expect(await send(true)).toBe(503);
    expect(received.toSorted()).toEqual([A, B]);
  });

  test("of both for long is not answered with twice the load: a tenth more, beyond the first hundred", async () => {
    answer(A, 503);
    answer(B, 503);
    const calls = 600;
    for (let sent = 0; sent < calls; sent += 1) expect(await send(true)).toBe(503);
    expect(received.length).toBeLessThanOrEqual(calls + 100 + calls / 10);
  });

  test("who says that it is not ready is asked no more until it answers otherwise, however many calls there are", async () => {
    answer(A, 503, { connection: "close" });
    upstream.use(
      http.get(`${A}/livez`, () => new HttpResponse(null, { status: 404, headers: { connection: "close" } })),
    );
    for (let sent = 0; sent < 300; sent += 1) expect(await send(true)).toBe(200);
    expect(received.filter((address) => address === A).length).toBeLessThanOrEqual(1);
    for (let sent = 0; sent < 20; sent += 1) expect(await send(false)).toBe(200);
    answer(A, 200);
    upstream.use(http.get(`${A}/livez`, () => new HttpResponse(null, { status: 404 })));
    received = [];
    await eventually(async () => {
      await Promise.all([send(true), send(false)]);
      expect(received).toContain(A);
    });
  });
});

test("a call goes to whoever has the fewest under way, and who has answered gets calls again", async () => {
  const busy = Promise.withResolvers<Response>();
  const attempted: string[] = [];
  const call = () =>
    pool.send(
      async ({ url }) => {
        attempted.push(url);
        return url === A ? busy.promise : new Response();
      },
      { repeatable: true, signal: AbortSignal.timeout(HANGS_MS) },
    );
  const first = [call(), call()];
  await eventually(() => expect(attempted.toSorted()).toEqual([A, B]));
  for (let sent = 0; sent < 10; sent += 1) await call();
  expect(attempted.filter((url) => url === A)).toHaveLength(1);
  busy.resolve(new Response());
  await Promise.all(first);
  for (let sent = 0; sent < 10; sent += 1) await call();
  expect(attempted.filter((url) => url === A).length).toBeGreaterThan(3);
});

test.each([413, 431])(
  "a %i is about one request: its address goes on, though that connection does not",
  async (status) => {
    answer(A, status, { connection: "close" });
    answer(B, status, { connection: "close" });
    for (let sent = 0; sent < 4; sent += 1) expect(await send(true)).toBe(status);
    expect(new Set(received)).toEqual(new Set([A, B]));
    expect(await metrics.expose()).not.toContain("http_upstream_taken_out_total{");
  },
);

describe("an address that says nothing to anybody", () => {
  /** The address of each attempt in its order. */
  let attempted: string[];
  let silent: Set<string>;

  beforeEach(() => {
    attempted = [];
    silent = new Set();
    upstream.use(
      http.get("*/livez", async ({ request }) => {
        if (silent.has(new URL(request.url).origin)) await delay("infinite");
        return new HttpResponse(null, { status: 404 });
      }),
    );
  });

  /** A call whose attempts are answered by nobody silent; an attempt on one of those goes on until its signal ends it. */
  const call = (of: UpstreamPool, repeatable: boolean, onAttempt = (_url: string) => {}, withinMs = HANGS_MS) =>
    of.send(
      async ({ url }, signal) => {
        attempted.push(url);
        onAttempt(url);
        if (!silent.has(url)) return new Response();
        return new Promise((_resolve, reject) => {
          signal.addEventListener("abort", () => reject(new Error("ended")));
        });
      },
      { repeatable, signal: AbortSignal.timeout(withinMs) },
    );

  test("costs a call that may be repeated the time until another one that answers is asked", async () => {
    silent.add(A);
    const answers = await Promise.all(Array.from({ length: 4 }, () => call(pool, true)));
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200, 200]);
    expect(attempted.filter((url) => url === A).length).toBeGreaterThan(0);
  });

  test("is waited for when all are silent, as on a machine that stalls: nobody gets the same call twice", async () => {
    silent = new Set([A, B]);
    const calls = 20;
    const all = await Promise.allSettled(Array.from({ length: calls }, () => call(pool, true, undefined, 2_000)));
    expect(all.filter(({ status }) => status === "fulfilled")).toEqual([]);
    expect(attempted).toHaveLength(calls);
  });

  test("costs a call one repeat at most, even if the next one falls silent as well", async () => {
    const urls = [A, B, C];
    const three = createUpstreamPool({
      ...{ name: "order", urls, clock: systemClock },
      ...{ logger: capturedLogger().logger, metrics: createMetrics() },
    });
    await eventually(async () => {
      attempted = [];
      await Promise.all(urls.map(() => call(three, true)));
      expect(new Set(attempted)).toEqual(new Set(urls));
    });
    attempted = [];
    // Anyone who gets the call falls silent with it.
    const failed = await call(three, true, (url) => void silent.add(url), 3_000).catch((error: Error) => error.message);
    expect(failed).toBe("ended");
    expect(attempted).toHaveLength(2);
  });

  test("gets a call that must not be repeated once, also when its connection is lost in the end", async () => {
    const failed = await pool
      .send(
        async ({ url }) => {
          attempted.push(url);
          silent.add(url);
          await eventually(async () => expect(await metrics.expose()).toContain('reason="silent"} 1'));
          throw Object.assign(new Error("lost"), { code: "ECONNRESET" });
        },
        { repeatable: false, signal: AbortSignal.timeout(HANGS_MS) },
      )
      .catch((error: Error) => error.message);
    expect(failed).toBe("lost");
    expect(attempted).toHaveLength(1);
  });
});

test("the addresses of each upstream are shown, also of one that is down when others were added after it", async () => {
  createUpstreamPool({
    ...{ name: "product", urls: [C], clock: systemClock },
    ...{ logger: capturedLogger().logger, metrics },
  });
  answer(A, 200, { connection: "close" });
  await eventually(async () => {
    await send(true);
    const shown = (await metrics.expose()).match(/^http_upstream_addresses.*$/gm);
    expect(shown).toContain('http_upstream_addresses{upstream="order",state="in"} 1');
    expect(shown).toContain('http_upstream_addresses{upstream="order",state="out"} 1');
    expect(shown).toContain('http_upstream_addresses{upstream="product",state="out"} 0');
  });
});
