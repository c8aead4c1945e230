import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import { delay, http, HttpResponse } from "msw";
import { setupServer } from "msw/node";
import { allEndpoints } from "@shop/contracts/http/endpoints";
import { Problem } from "@shop/contracts/http/problem";
import { settled } from "@shop/testing/settled";
import { systemClock } from "@shop/runtime/clock";
import { createMetrics } from "@shop/runtime/metrics";
import { capturedLogger, type LogLine } from "@shop/testing/logger";
import { PROBLEM_JSON } from "../request/answer.ts";
import { createAdmissionControl } from "../server/admission.ts";
import { createApp, type HttpApp } from "../server/app.ts";
import { MAX_BODY_BYTES } from "../request/body.ts";
import { createForward, PASSED_ON } from "./proxy.ts";
import { createStreamPermits } from "../streaming/stream-permits.ts";
import { createUpstreamPool } from "./upstream/pool.ts";

/** An address that is in no network: answered by the mock alone. */
const ORDER = "http://192.0.2.1";
const ORDERS = `${ORDER}/api/orders`;
const REQUEST_ID = "caller-0001";
/** Ends what hangs. A test in which no answer comes has a shorter one of its own. */
const WITHIN_MS = 60_000;
const SHORT_MS = 150;
const upstream = setupServer();
let received: { request: Request; body: string }[];
let metrics: ReturnType<typeof createMetrics>;
let logged: readonly LogLine[];
let app: HttpApp;

beforeAll(() => upstream.listen({ onUnhandledRequest: "error" }));
afterEach(() => upstream.resetHandlers());
afterAll(() => upstream.close());
beforeEach(() => {
  received = [];
  app = createProxyApp("refuse");
});

type Limits = Pick<Parameters<typeof createForward>[0], "answerWithinMs"> &
  Pick<Parameters<typeof createAdmissionControl>[0], "maxWaiting" | "eventLoopLag">;

function createProxyApp(tooLarge: "refuse" | "tell", limits: Partial<Limits> = {}): HttpApp {
  metrics = createMetrics();
  const { logger, lines } = capturedLogger();
  logged = lines;
  const { answerWithinMs, ...waiting } = { answerWithinMs: WITHIN_MS, maxWaiting: 1_000, ...limits };
  const admission = createAdmissionControl({ clock: systemClock, logger, metrics, ...waiting });
  const streams = createStreamPermits({ limits: { perProcess: 3, perUser: 2, perThing: 1 }, metrics });
  const forward = createForward({ logger, metrics, tooLarge, answerWithinMs, admission, streams });
  const proxyApp = createApp({ service: "gateway", logger, clock: systemClock, metrics });
  const order = createUpstreamPool({ name: "order", urls: [ORDER], clock: systemClock, logger, metrics });
  proxyApp.raw({ method: "ANY", path: "/api/*", access: "anyone" }, (call) =>
    forward(call, {
      upstream: order,
      takesBody: call.c.req.method === "POST",
      honoursKey: true,
      ...(call.c.req.path.endsWith("/events") && {
        stream: { userId: call.c.req.header("x-test-user") ?? "nobody", thing: call.c.req.path },
      }),
    }),
  );
  return proxyApp;
}

/** The upstream gives this answer to every call of `/api/orders`. */
function answerWith(answer: () => Response | Promise<Response>): void {
  upstream.use(
    http.all(ORDERS, async ({ request }) => {
      received.push({ request, body: await request.clone().text() });
      return answer();
    }),
  );
}

const call = (init: RequestInit = {}, path = "/api/orders") => app.request(path, init);
const post = (body: NonNullable<RequestInit["body"]>, headers: Record<string, string> = {}) =>
  call({ method: "POST", body, headers });

async function expectUnavailable(response: Response, path = "/api/orders"): Promise<void> {
  expect(response.status).toBe(503);
  expect(response.headers.get("content-type")).toBe("application/problem+json");
  expect(response.headers.get("retry-after")).toBe("1");
  const { code, instance, requestId } = (await response.json()) as Record<string, unknown>;
  expect({ code, instance, requestId }).toEqual({
    code: "UNAVAILABLE",
    instance: path,
    requestId: response.headers.get("x-request-id"),
  });
}

describe("a forwarded request", () => {
  test("keeps method, path, query, body and token, and has the caller's request id and trace", async () => {
    answerWith(() => HttpResponse.json({}));
    const trace = "0af7651916cd43dd8448eb211c80319c";
    await app.request("/api/orders?limit=5&x=a%20b", {
      method: "POST",
      body: '{"a":"ä"}',
      headers: {
        authorization: "Bearer token",
        "content-type": "application/json",
        "idempotency-key": "key-1",
        "x-request-id": REQUEST_ID,
        traceparent: `00-${trace}-b7ad6b7169203331-01`,
        tracestate: "rojo=00f067aa0ba902b7",
      },
    });
    expect(received).toHaveLength(1);
    const { request, body } = received[0] ?? { request: new Request("http://none"), body: "" };
    expect([request.method, request.url, body]).toEqual(["POST", `${ORDERS}?limit=5&x=a%20b`, '{"a":"ä"}']);
    expect(Object.fromEntries(request.headers)).toMatchObject({
      authorization: "Bearer token",
      "content-type": "application/json",
      "idempotency-key": "key-1",
      "x-request-id": REQUEST_ID,
      traceparent: expect.stringMatching(new RegExp(`^00-${trace}-(?!b7ad6b7169203331)[0-9a-f]{16}-01$`)),
      tracestate: "rojo=00f067aa0ba902b7",
    });
  });

  test("keeps its preconditions, and their answers keep the entity tag", async () => {
    const headers = { etag: '"2"', "cache-control": "no-store" };
    answerWith(() => new HttpResponse(null, { status: 304, headers }));
    const known = await call({ headers: { "if-none-match": '"2"', "if-match": "*" } });
    expect(Object.fromEntries(received[0]?.request.headers ?? [])).toMatchObject({
      "if-none-match": '"2"',
      "if-match": "*",
    });
    expect([known.status, await known.text(), known.headers.get("etag"), known.headers.get("cache-control")]).toEqual([
      304,
      "",
      '"2"',
      "no-store",
    ]);
    const problemHeaders = { ...headers, "content-type": "application/problem+json" };
    answerWith(() => HttpResponse.json({ code: "VERSION_MISMATCH" }, { status: 412, headers: problemHeaders }));
    const stale = await post("{}", { "content-type": "application/json", "if-match": '"1"' });
    expect([stale.status, stale.headers.get("etag"), await stale.json()]).toEqual([
      412,
      '"2"',
      { code: "VERSION_MISMATCH" },
    ]);
  });

  test("carries nothing that tells who calls but the token, and nothing meant for one hop", async () => {
    answerWith(() => HttpResponse.json({}));
    const outside = {
      "x-user-id": "1",
      "x-user-role": "admin",
      "x-role": "admin",
      "x-forwarded-for": "10.0.0.1",
      "x-forwarded-host": "evil.test",
      "x-real-ip": "10.0.0.1",
      "x-original-url": "/admin",
      "x-http-method-override": "DELETE",
      forwarded: "for=10.0.0.1",
      cookie: "session=1",
      connection: "close, x-request-id",
      te: "trailers",
      upgrade: "h2c",
      "proxy-authorization": "Basic x",
    };
    await call({ headers: { ...outside, "x-request-id": REQUEST_ID } });
    const headers = new Set(received[0]?.request.headers.keys());
    expect(Object.keys(outside).filter((name) => headers.has(name))).toEqual([]);
    expect(received[0]?.request.headers.get("x-request-id")).toBe(REQUEST_ID);
  });

  test("can carry every header that a call of the API declares", () => {
    const declared = allEndpoints.flatMap(({ headers }) => Object.keys(headers));
    expect(declared).toContain("idempotency-key");
    expect(declared.filter((name) => !PASSED_ON.includes(name))).toEqual([]);
  });

  test("leaves out the body of a call that takes none", async () => {
    answerWith(() => HttpResponse.json({}));
    await call({ method: "PUT", body: "ignored" });
    expect(received[0]?.body).toBe("");
  });
});

describe("a body that is too large", () => {
  const inChunks = () =>
    new ReadableStream({
      start(controller) {
        for (let sent = 0; sent <= MAX_BODY_BYTES; sent += 65_536) controller.enqueue(new Uint8Array(65_536));
        controller.close();
      },
    });

  test.each([
    ["declared", () => post("{", { "content-length": String(MAX_BODY_BYTES + 1) })],
    ["in chunks", () => post(inChunks())],
    ["told by the hop before", () => post("", { "x-body-too-large": "1" })],
  ])("%s: 413 without asking the service", async (_how, send) => {
    const response = await send();
    expect([response.status, response.headers.get("connection")]).toEqual([413, "close"]);
    expect(await response.json()).toMatchObject({ code: "BODY_TOO_LARGE", status: 413 });
    expect(received).toEqual([]);
  });

  test("is told to the next hop, which answers after its own checks", async () => {
    app = createProxyApp("tell");
    answerWith(() => HttpResponse.json({ code: "UNAUTHENTICATED" }, { status: 401 }));
    for (const response of [await post("{", { "content-length": "99999999999" }), await post(inChunks())]) {
      expect(response.status).toBe(401);
    }
    expect(received.map(({ request, body }) => [request.headers.get("x-body-too-large"), body])).toEqual([
      ["1", ""],
      ["1", ""],
    ]);
  });

  test("one of exactly the allowed size is passed on", async () => {
    answerWith(() => HttpResponse.json({}));
    expect((await post(new Uint8Array(MAX_BODY_BYTES))).status).toBe(200);
    expect(received[0]?.body).toHaveLength(MAX_BODY_BYTES);
  });
});

describe("an answer", () => {
  test("comes back with its status, headers and body, and this request's id", async () => {
    answerWith(() =>
      HttpResponse.json(
        { id: 1 },
        {
          status: 201,
          headers: {
            location: "/api/orders/1",
            "x-request-id": "another-one",
            connection: "x-secret",
            "x-secret": "1",
          },
        },
      ),
    );
    const response = await post("{}", { "x-request-id": REQUEST_ID });
    expect([response.status, await response.json()]).toEqual([201, { id: 1 }]);
    expect(response.headers.get("location")).toBe("/api/orders/1");
    expect(response.headers.get("x-request-id")).toBe(REQUEST_ID);
    expect(response.headers.get("x-secret")).toBeNull();
  });

  test("may be empty", async () => {
    answerWith(() => new HttpResponse(null, { status: 204 }));
    const response = await call({ method: "DELETE" });
    expect([response.status, await response.text()]).toEqual([204, ""]);
  });

  test("a refusal or a fault of the service is its own problem, word for word", async () => {
    for (const status of [409, 500, 503]) {
      const problem = { code: "X", status };
      const headers = { "content-type": "application/problem+json", "retry-after": "7" };
      answerWith(() => new HttpResponse(JSON.stringify(problem), { status, headers }));
      const response = await call();
      expect([response.status, response.headers.get("retry-after"), await response.json()]).toEqual([
        status,
        "7",
        problem,
      ]);
      upstream.resetHandlers();
    }
  });

  test("of a huge size comes through whole", async () => {
    const chunk = new Uint8Array(1_048_576);
    let left = 20;
    answerWith(
      () =>
        new HttpResponse(
          new ReadableStream({
            pull: (controller) => (left-- > 0 ? controller.enqueue(chunk) : controller.close()),
          }),
          { headers: { "content-type": "application/json" } },
        ),
    );
    expect((await (await call()).arrayBuffer()).byteLength).toBe(20 * chunk.length);
  });

  test("that is a page, which no service gives, is a 503", async () => {
    answerWith(() => HttpResponse.html("<p>"));
    await expectUnavailable(await call());
  });
});

describe("a stream of events", () => {
  let sources: ReadableStreamDefaultController<Uint8Array>[];
  const open = () => metrics.read("event_streams");
  const watch = (userId = "kim") => app.request("/api/orders/1/events", { headers: { "x-test-user": userId } });

  beforeEach(() => {
    sources = [];
    upstream.use(
      http.get(`${ORDER}/api/orders/:id/events`, () => {
        const body = new ReadableStream<Uint8Array>({
          start(controller) {
            controller.enqueue(new TextEncoder().encode("retry: 1000\n\n"));
            sources.push(controller);
          },
        });
        return new HttpResponse(body, { headers: { "content-type": "text/event-stream" } });
      }),
    );
  });

  test("has a permit until it ends, breaks off or is left, and one more than allowed is refused without asking the service", async () => {
    const [mine, another, third] = [await watch(), await watch("lee"), await watch("park")];
    expect([mine.status, another.status, third.status, open()]).toEqual([200, 200, 200, 3]);
    const tooMany = await watch();
    expect([tooMany.status, tooMany.headers.get("retry-after")]).toEqual([429, "5"]);
    expect(Problem.parse(await tooMany.json()).code).toBe("TOO_MANY_STREAMS");
    await expectUnavailable(await watch("choi"), "/api/orders/1/events");
    expect(sources).toHaveLength(3);

    const whole = mine.text();
    sources[0]?.close();
    expect([await whole, open()]).toEqual(["retry: 1000\n\n", 2]);
    void another.body?.cancel();
    expect(open()).toBe(1);
    const broken = third.text();
    sources[2]?.error(new Error("broke off"));
    expect(await settled(broken.catch(() => "broken"))).toBe("broken");
    expect(open()).toBe(0);
    expect((await watch()).status).toBe(200);
  });

  test("that is refused or cannot be had takes no permit, nor does a HEAD", async () => {
    const answers = [
      () => HttpResponse.error(),
      () => new HttpResponse(null, { status: 204 }),
      () => HttpResponse.json({ code: "NOT_FOUND" }, { status: 404, headers: { "content-type": PROBLEM_JSON } }),
    ];
    for (const answer of answers) {
      upstream.use(http.get(`${ORDER}/api/orders/:id/events`, answer));
      await watch();
      expect(open()).toBe(0);
    }
    upstream.use(http.head(`${ORDER}/api/orders/:id/events`, () => new HttpResponse(null, { status: 204 })));
    await app.request("/api/orders/1/events", { method: "HEAD" });
    expect(open()).toBe(0);
  });

  test("whose caller leaves while it is asked for takes no permit", async () => {
    const leaving = new AbortController();
    const asked = Promise.withResolvers<void>();
    upstream.use(
      http.get(`${ORDER}/api/orders/:id/events`, async () => {
        asked.resolve();
        await delay("infinite");
        return HttpResponse.json({});
      }),
    );
    const answer = app.request("/api/orders/1/events", { signal: leaving.signal });
    await asked.promise;
    expect(open()).toBe(1);
    leaving.abort();
    await answer;
    expect(open()).toBe(0);
  });
});

describe("an upstream", () => {
  test("that is away is a 503 problem that says when to come again, and is counted", async () => {
    answerWith(() => HttpResponse.error());
    await expectUnavailable(await call());
    await expectUnavailable(await post("{}"));
    expect(await metrics.expose()).toContain('http_upstream_failures_total{upstream="order"} 2');
  });

  test("that has as many calls as may wait for it gets no more: the others are a 503 problem at once, until one is answered", async () => {
    app = createProxyApp("refuse", { maxWaiting: 2 });
    const released = Promise.withResolvers<void>();
    answerWith(() => released.promise.then(() => HttpResponse.json({})));
    const waiting = [call(), call()];
    await expectUnavailable(await call());
    expect(await metrics.expose()).toContain("http_refused_as_busy_total 1");
    released.resolve();
    for (const response of waiting) expect((await response).status).toBe(200);
    expect((await call()).status).toBe(200);
  });

  test("that has failed many calls gets as many at once as before", async () => {
    app = createProxyApp("refuse", { maxWaiting: 2, answerWithinMs: SHORT_MS });
    answerWith(() => HttpResponse.error());
    for (const _ of [1, 2, 3]) await call();
    answerWith(async () => {
      await delay("infinite");
      return HttpResponse.json({});
    });
    for (const _ of [1, 2, 3]) await call();
    answerWith(() => HttpResponse.json({}));
    expect((await Promise.all([call(), call()])).map(({ status }) => status)).toEqual([200, 200]);
    expect(await metrics.expose()).toContain("http_refused_as_busy_total 0");
  });

  test("has less time to answer while this process is late, since its callers have waited already", async () => {
    app = createProxyApp("refuse", { answerWithinMs: SHORT_MS, eventLoopLag: { nowMs: () => SHORT_MS - 100 } });
    answerWith(async () => {
      await delay("infinite");
      return HttpResponse.json({});
    });
    const startedMs = performance.now();
    await expectUnavailable(await call());
    expect(performance.now() - startedMs).toBeGreaterThan(100);
    expect(logged.map(({ reason }) => String(reason)).join()).toContain("order did not answer within 100 ms");
  });

  test("that does not answer in time is a 503 problem", async () => {
    app = createProxyApp("refuse", { answerWithinMs: SHORT_MS });
    answerWith(async () => {
      await delay("infinite");
      return HttpResponse.json({});
    });
    await expectUnavailable(await call());
  });

  test.each([
    ["a stack trace", () => HttpResponse.text("Error: secret\n at x.ts:1", { status: 500 })],
    ["a fault in JSON that is no problem", () => HttpResponse.json({ stack: "secret" }, { status: 500 })],
    ["another program's page", () => HttpResponse.html("<h1>secret</h1>")],
    ["a balancer's error page", () => HttpResponse.html("<h1>secret</h1>", { status: 502 })],
    ["a way to elsewhere", () => HttpResponse.redirect("http://secret.test/")],
    ["no media type", () => new HttpResponse(new Uint8Array([1, 2, 3]))],
  ])("that answers with %s is a 503 problem that shows none of it", async (_what, answer) => {
    answerWith(answer);
    upstream.use(http.get("http://secret.test/", () => HttpResponse.json({ followed: "secret" })));
    const response = await call();
    expect(JSON.stringify([...response.headers])).not.toContain("secret");
    expect(await response.clone().text()).not.toContain("secret");
    await expectUnavailable(response);
  });
});
