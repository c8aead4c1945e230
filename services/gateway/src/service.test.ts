import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import { http, HttpResponse } from "msw";
import { setupServer } from "msw/node";
import { allEndpoints } from "@shop/contracts/http/endpoints";
import type { Endpoint, Role } from "@shop/contracts/http/define";
import type { Health } from "@shop/contracts/http/health";
import { participants, type ServiceName } from "@shop/contracts/services";
import { createRateLimit } from "@shop/http/auth/rate-limit";
import { AUDIENCE, createSigner, goodClaims, goodHeader, ISSUER, type Signer } from "@shop/http/testing/tokens";
import { createTokenVerifier } from "@shop/http/auth/token-verifier";
import { createMetrics } from "@shop/runtime/metrics";
import { addressRules, ownLimits } from "@shop/service/edge";
import { ManualClock } from "@shop/testing/clock";
import { eventually } from "@shop/testing/eventually";
import { testIdentity as identity } from "@shop/testing/identity";
import { capturedLogger } from "@shop/testing/logger";
import { createGateway } from "./service.ts";

const upstream = setupServer();
/** Addresses that are in no network: answered by the mock alone. */
const urls = {
  user: ["http://192.0.2.1"],
  order: ["http://192.0.2.2"],
  product: ["http://192.0.2.3"],
  delivery: ["http://192.0.2.4"],
  orchestrator: ["http://192.0.2.5"],
};
let signer: Signer;
let clock: ManualClock;
let received: { method: string; url: string; authorization: string | null }[];
let gateway: ReturnType<typeof createGateway>;

beforeAll(async () => {
  signer = await createSigner();
  upstream.listen({ onUnhandledRequest: "error" });
});
afterEach(() => upstream.resetHandlers());
afterAll(() => upstream.close());
beforeEach(() => {
  clock = new ManualClock();
  received = [];
  upstream.use(
    http.get("http://keys.test/", () => HttpResponse.json({ keys: [signer.publicJwk] })),
    http.all("*", ({ request }) => {
      received.push({ method: request.method, url: request.url, authorization: request.headers.get("authorization") });
      return HttpResponse.json({ ok: true });
    }),
  );
  gateway = buildGateway();
});

/** Ends what hangs. Answers that do not come are waited for only by a test that shortens it. */
const HANGS_MS = 60_000;

function buildGateway(
  trustedProxies = 0,
  addresses = urls,
  upstreamTimeoutMs = HANGS_MS,
): ReturnType<typeof createGateway> {
  const { logger } = capturedLogger();
  const config = { TRUSTED_PROXIES: trustedProxies, RATE_LIMIT_PER_ADDRESS_PER_SECOND: 2 };
  return createGateway({
    identity,
    clock,
    logger,
    metrics: createMetrics(),
    ...addressRules({ ...config, BUN_CONFIG_MAX_HTTP_REQUESTS: 256 }, ownLimits(clock)),
    verifier: createTokenVerifier({ jwksUrl: "http://keys.test/", issuer: ISSUER, audience: AUDIENCE, clock, logger }),
    rateLimit: createRateLimit({ clock, perSecond: 3 }),
    urls: addresses,
    upstreamTimeoutMs,
  });
}

const tokenOf = async (role: Role, changes: object = {}) =>
  `Bearer ${await signer.sign(goodHeader, { ...goodClaims(clock.now()), role, ...changes })}`;
const pathOf = ({ path }: Endpoint) => path.replace("{id}", "01939e6a-7c00-7000-8000-000000000009");
const call = (path: string, init: RequestInit = {}) => gateway.app.request(path, init);
const statusOf = async (path: string, init: RequestInit = {}) => (await call(path, init)).status;

const isOfOneService = (endpoint: Endpoint): endpoint is Endpoint & { readonly service: ServiceName } =>
  endpoint.service !== "participants" && endpoint.service !== "all";

describe("a call of the API", () => {
  test.each(allEndpoints.filter(isOfOneService).map((endpoint) => [endpoint.name, endpoint] as const))(
    "%s reaches the service that answers it, token and query included",
    async (_name, endpoint) => {
      const authorization = await tokenOf(endpoint.access === "anyone" ? "customer" : (endpoint.access[0] ?? "admin"));
      const body = endpoint.body === undefined ? {} : { body: "{}" };
      const path = `${pathOf(endpoint)}?limit=7`;
      const { method } = endpoint;
      const response = await call(path, { method, headers: { authorization }, ...body });
      expect([response.status, await response.json()]).toEqual([200, { ok: true }]);
      expect(received).toEqual([{ method, url: urls[endpoint.service][0] + path, authorization }]);
    },
  );

  test.each(
    allEndpoints.filter(({ access }) => access !== "anyone").map((endpoint) => [endpoint.name, endpoint] as const),
  )(
    "%s without a good token is 401, with a role that may not is 403, and neither reaches a service",
    async (_name, endpoint) => {
      const { method } = endpoint;
      for (const headers of [{}, { authorization: "Bearer x.y.z" }, { "x-user-id": "1", "x-user-role": "admin" }]) {
        const response = await call(pathOf(endpoint), { method, headers });
        expect([response.status, response.headers.get("www-authenticate")]).toEqual([401, "Bearer"]);
      }
      const outsiders = (["customer", "rider", "admin"] as const).filter((role) => !endpoint.access.includes(role));
      for (const role of outsiders) {
        const authorization = await tokenOf(role, { jti: role });
        expect(await statusOf(pathOf(endpoint), { method, headers: { authorization } })).toBe(403);
        await clock.advance(1_000);
      }
      expect(received).toEqual([]);
    },
  );

  test.each([
    ["/api/orders", "/api/orders", 2, "it honours the key"],
    ["/api/users", "/api/users/me", 1, "what it does would be done twice"],
  ])(
    "a key with POST %s (as GET %s finds two replicas) lets %d of them be asked while they answer 503: %s",
    async (path, read, times) => {
      const both = [...urls.order, ...urls.user];
      gateway = buildGateway(0, { ...urls, order: both, user: both });
      const authorization = await tokenOf("customer");
      // A replica gets calls once it is known to be there.
      await eventually(async () => {
        await clock.advance(1_000);
        await call(read, { headers: { authorization } });
        const answering = received.filter(({ url }) => url.endsWith(read)).map(({ url }) => new URL(url).host);
        expect(new Set(answering).size).toBe(2);
      });
      await clock.advance(1_000);
      let sent = 0;
      upstream.use(
        http.post("*", () => {
          sent += 1;
          const headers = { "content-type": "application/problem+json" };
          return new HttpResponse(JSON.stringify({ code: "UNAVAILABLE" }), { status: 503, headers });
        }),
      );
      const headers = { authorization, "idempotency-key": "key-1" };
      expect(await statusOf(path, { method: "POST", headers, body: "{}" })).toBe(503);
      expect(sent).toBe(times);
    },
  );

  test("that anyone may make ignores a bad token", async () => {
    expect(await statusOf("/api/products", { headers: { authorization: "Bearer bad" } })).toBe(200);
  });
});

test("a list that a service gives as CSV or JSON lines is passed on, with where it continues", async () => {
  for (const type of ["text/csv; charset=utf-8", "application/x-ndjson"]) {
    const headers = { "content-type": type, "x-next-cursor": "c" };
    upstream.use(http.get(`${urls.order[0]}/*`, () => new HttpResponse("id\r\n", { headers })));
    const authorization = await tokenOf("admin", { jti: type });
    const response = await call("/api/orders", { headers: { authorization } });
    expect([response.status, await response.text()]).toEqual([200, "id\r\n"]);
    expect(response.headers.get("x-next-cursor")).toBe("c");
  }
});

describe("the client's address", () => {
  async function toldTo(init: RequestInit): Promise<string | null> {
    let told: string | null | undefined;
    upstream.use(
      http.get(`${urls.product[0]}/*`, ({ request }) => {
        told = request.headers.get("x-client-address");
        return HttpResponse.json({ items: [], nextCursor: null });
      }),
    );
    await gateway.app.fetch(new Request("http://gateway.test/api/products", init), () => "::ffff:198.51.100.9");
    if (told === undefined) throw new Error("the service was not asked");
    return told;
  }
  const forged = { "x-client-address": "192.0.2.66", "x-forwarded-for": "192.0.2.66" };

  test("is who is connected, whatever the client claims, or what a trusted proxy has seen", async () => {
    expect(await toldTo({ headers: forged })).toBe("198.51.100.9");
    gateway = buildGateway(1);
    expect(await toldTo({ headers: { ...forged, "x-forwarded-for": "192.0.2.66, 203.0.113.7" } })).toBe("203.0.113.7");
  });

  test("is not told when a trusted proxy names none", async () => {
    gateway = buildGateway(1);
    expect(await toldTo({ headers: { ...forged, "x-forwarded-for": "unknown" } })).toBeNull();
    expect(await toldTo({ headers: { "x-client-address": "192.0.2.66" } })).toBeNull();
  });
});

test("the audit trails of all services come as one list, newest first, and a silent service is named", async () => {
  const ids = [1, 2, 3].map((n) => `01939e6a-7c00-7000-8000-00000000000${n}`);
  const answer = (...items: readonly (string | undefined)[]) =>
    HttpResponse.json({ items: items.map((id) => ({ id })), nextCursor: null, unavailable: [] });
  upstream.use(
    http.get(`${urls.user[0]}/*`, () => answer(ids[1])),
    http.get(`${urls.order[0]}/*`, () => answer(ids[2])),
    http.get(`${urls.product[0]}/*`, () => answer(ids[0])),
    http.get(`${urls.delivery[0]}/*`, () => answer()),
    http.get(`${urls.orchestrator[0]}/*`, () => HttpResponse.error()),
  );
  const headers = { authorization: await tokenOf("admin") };
  const response = await call("/api/audit?limit=2", { headers });
  expect(await response.json()).toEqual({
    items: [{ id: ids[2] }, { id: ids[1] }],
    nextCursor: ids[1]?.replaceAll("-", "") ?? "",
    unavailable: ["orchestrator"],
  });
});

describe("dead letters", () => {
  const ids = [1, 2, 3, 4, 5].map((n) => `01939e6a-7c00-7000-8000-00000000000${n}`);
  const answer = (numbers: readonly number[], nextCursor: string | null = null) =>
    HttpResponse.json({ items: numbers.map((n) => ({ id: ids[n - 1] })), nextCursor, unavailable: [] });
  const asAdmin = async () => ({ headers: { authorization: await tokenOf("admin") } });

  test("of all services come as one list, newest first, which goes on where the page ended and names who is away", async () => {
    upstream.use(
      http.get(`${urls.order[0]}/*`, () => answer([5, 1])),
      http.get(`${urls.product[0]}/*`, () => answer([4, 2], "x")),
      http.get(`${urls.delivery[0]}/*`, () => answer([3])),
      http.get(`${urls.orchestrator[0]}/*`, () => HttpResponse.error()),
    );
    const response = await call("/api/dead-letters?limit=2", await asAdmin());
    expect(await response.json()).toEqual({
      items: [{ id: ids[4] }, { id: ids[3] }],
      nextCursor: ids[3]?.replaceAll("-", ""),
      unavailable: ["orchestrator"],
    });
  });

  test("of all services come as CSV in one table when that is asked for", async () => {
    upstream.use(
      http.get(`${urls.order[0]}/*`, () => answer([5, 1], "x")),
      ...[urls.product, urls.delivery, urls.orchestrator].map(([url]) => http.get(`${url}/*`, () => answer([]))),
    );
    const { headers } = await asAdmin();
    const response = await call("/api/dead-letters?limit=2", { headers: { ...headers, accept: "text/csv" } });
    expect(await response.text()).toBe(`id\r\n${ids[4]}\r\n${ids[0]}\r\n`);
    expect(response.headers.get("x-next-cursor")).toBe(ids[0]?.replaceAll("-", "") ?? "");
  });

  test("that fill a page from one service alone go on behind it", async () => {
    const none = () => answer([]);
    upstream.use(
      http.get(`${urls.order[0]}/*`, () => answer([5, 4], "x")),
      ...[urls.product, urls.delivery, urls.orchestrator].map(([url]) => http.get(`${url}/*`, none)),
    );
    const response = await call("/api/dead-letters?limit=2", await asAdmin());
    expect(await response.json()).toMatchObject({ nextCursor: ids[3]?.replaceAll("-", "") });
  });

  test("are replayed in bulk by each service that has some, and an operation is stopped by the one whose it is", async () => {
    const part = (total: number, operations: readonly object[]) =>
      HttpResponse.json({ dryRun: false, total, sample: [], operations, unavailable: [] }, { status: 202 });
    const stopped: string[] = [];
    upstream.use(
      http.post(`${urls.order[0]}/api/bulk/dead-letters`, () => part(2, [{ id: ids[0], service: "order" }])),
      http.post(`${urls.product[0]}/api/bulk/dead-letters`, () => part(3, [{ id: ids[1], service: "product" }])),
      http.post(`${urls.delivery[0]}/api/bulk/dead-letters`, () => part(0, [])),
      http.post(`${urls.orchestrator[0]}/api/bulk/dead-letters`, () => HttpResponse.error()),
      http.post(`${urls.product[0]}/*`, ({ request }) => {
        stopped.push(new URL(request.url).pathname);
        return HttpResponse.json({ id: ids[1], status: "STOPPED" }, { status: 202 });
      }),
      http.post("*", () => HttpResponse.json({ code: "NOT_FOUND" }, { status: 404 })),
    );
    const { headers } = await asAdmin();
    const init = { method: "POST", headers: { ...headers, "content-type": "application/json" } };
    const body = '{"action":"REPLAY","filter":{},"dryRun":false}';
    const begun = await call("/api/bulk/dead-letters", { ...init, body });
    expect([begun.status, await begun.json()]).toEqual([
      202,
      {
        dryRun: false,
        total: 5,
        sample: [],
        operations: [
          { id: ids[0], service: "order" },
          { id: ids[1], service: "product" },
        ],
        unavailable: ["orchestrator"],
      },
    ]);
    const answered = await call(`/api/bulk/dead-letters/${ids[1]}/stop`, { method: "POST", headers });
    expect([answered.status, stopped]).toEqual([202, [`/api/bulk/dead-letters/${ids[1]}/stop`]]);
  });

  test("are replayed by the service that has them; 404 only when every service says that it has not", async () => {
    const unknown = () => HttpResponse.json({ code: "NOT_FOUND" }, { status: 404 });
    const bodies: unknown[] = [];
    upstream.use(
      http.post(`${urls.delivery[0]}/*`, async ({ request }) => {
        bodies.push(await request.json());
        return HttpResponse.json({ outcome: "APPLIED" }, { status: 202 });
      }),
      http.post("*", unknown),
    );
    const replay = async () => {
      const { headers } = await asAdmin();
      const init = { method: "POST", headers: { ...headers, "content-type": "application/json" } };
      return call(`/api/dead-letters/${ids[0]}/replay`, { ...init, body: '{"dryRun":true}' });
    };
    const replayed = await replay();
    expect([replayed.status, await replayed.json()]).toEqual([202, { outcome: "APPLIED" }]);
    expect(bodies).toEqual([{ dryRun: true }]);
    upstream.use(http.post(`${urls.delivery[0]}/*`, unknown));
    expect((await replay()).status).toBe(404);
    upstream.use(http.post(`${urls.delivery[0]}/*`, () => HttpResponse.error()));
    expect((await replay()).status).toBe(503);
  });

  test("are replayed many at once by all services, whose counts are added up, and who was away is named", async () => {
    const done = (outcomes: object, nextCursor: string | null) =>
      HttpResponse.json({ dryRun: true, outcomes, nextCursor, unavailable: [] }, { status: 202 });
    upstream.use(
      http.post(`${urls.order[0]}/*`, () => done({ APPLIED: 2, FAILED: 1 }, "b")),
      http.post(`${urls.product[0]}/*`, () => done({ APPLIED: 3 }, "a")),
      http.post(`${urls.delivery[0]}/*`, () => done({}, null)),
      http.post(`${urls.orchestrator[0]}/*`, () => HttpResponse.error()),
    );
    const { headers } = await asAdmin();
    const init = { method: "POST", headers: { ...headers, "content-type": "application/json" } };
    const response = await call("/api/dead-letters/replay", { ...init, body: '{"dryRun":true}' });
    expect([response.status, await response.json()]).toEqual([
      202,
      { dryRun: true, outcomes: { APPLIED: 5, FAILED: 1 }, nextCursor: "a", unavailable: ["orchestrator"] },
    ]);
  });
});

describe("an order's explanation", () => {
  const id = "01939e6a-7c00-7000-8000-000000000009";
  const saga = {
    ...{ id, status: "RUNNING", step: "DECREASE_PRODUCT", version: 1, reason: null, attempts: 2, history: [] },
    ...{ enteredAt: "2026-11-23T04:00:00.000Z", awaits: { service: "product", command: "DecreaseProductCommand" } },
    ...{ nextAttemptAt: "2026-11-23T04:00:15.000Z", deadline: null, stuckSince: null, isKnownVersion: true },
  };
  const part = (service: string, knows: object = {}) =>
    HttpResponse.json({
      services: [{ ...knows, service, status: "ANSWERED", problems: [], unsent: 0, lag: 0, deadLetters: [] }],
    });
  const why = async () => {
    const response = await call(`/api/orders/${id}/why`, { headers: { authorization: await tokenOf("admin") } });
    return { status: response.status, body: (await response.json()) as Record<string, unknown> };
  };

  test("is drawn from what each service knows, and names the one that does not answer", async () => {
    upstream.use(
      http.get(`${urls.order[0]}/*`, () => part("order")),
      http.get(`${urls.product[0]}/*`, () => HttpResponse.error()),
      http.get(`${urls.delivery[0]}/*`, () => part("delivery")),
      http.get(`${urls.orchestrator[0]}/*`, () => part("orchestrator", { saga })),
    );
    expect(await why()).toMatchObject({
      status: 200,
      body: { verdict: "SERVICE_DOWN", service: "product", message: "DecreaseProductCommand" },
    });
  });

  test("is 404 when every service says that it does not know the order, and 503 while one does not answer", async () => {
    const names = participants;
    upstream.use(...names.map((name) => http.get(`${urls[name][0]}/*`, () => part(name))));
    expect((await why()).status).toBe(404);
    upstream.use(http.get(`${urls.order[0]}/*`, () => HttpResponse.error()));
    await clock.advance(1_000);
    expect((await why()).status).toBe(503);
  });
});

describe("the health", () => {
  const healthOf = (service: string, status = "UP") =>
    HttpResponse.json({ status, at: "", services: [{ service, status, findings: [] }] });
  const asAdmin = async (method = "GET") =>
    call("/api/health", { method, headers: { authorization: await tokenOf("admin") } });

  test("of all services comes as one, the gateway's own among them, and who does not answer is down", async () => {
    upstream.use(
      http.get(`${urls.user[0]}/*`, () => healthOf("user")),
      http.get(`${urls.order[0]}/*`, () => healthOf("order", "IMPAIRED")),
      http.get(`${urls.product[0]}/*`, () => HttpResponse.error()),
      http.get(`${urls.delivery[0]}/*`, () => new Promise<never>(() => {})),
      http.get(`${urls.orchestrator[0]}/*`, () =>
        HttpResponse.json({ status: 503 }, { status: 503, headers: { "content-type": "application/problem+json" } }),
      ),
    );
    gateway = buildGateway(0, urls, 200);
    const response = await asAdmin();
    expect([response.status, response.headers.get("cache-control")]).toEqual([200, "no-store"]);
    const { status, services } = (await response.json()) as Health;
    expect(status).toBe("DOWN");
    expect(services.map((one) => [one.service, one.status, one.status === "DOWN" ? one.detail : ""])).toEqual([
      ["gateway", "UP", ""],
      ["user", "UP", ""],
      ["order", "IMPAIRED", ""],
      ["product", "DOWN", "product broke off"],
      ["delivery", "DOWN", expect.stringMatching(/^delivery did not answer within \d+ ms$/)],
      ["orchestrator", "DOWN", "orchestrator answered 503"],
    ]);
    expect(services[0]).toMatchObject({ release: identity.release, instance: identity.instance });
  });

  test("and the list of dead letters answer HEAD as they answer GET, without the body", async () => {
    const items = () => HttpResponse.json({ items: [], nextCursor: null, unavailable: [], services: [] });
    upstream.use(
      http.head("*", () => new HttpResponse(null, { headers: { "content-type": "application/json" } })),
      http.get(/^http:.*api/, items),
    );
    for (const path of ["/api/health", "/api/dead-letters"]) {
      const headers = { authorization: await tokenOf("admin", { jti: path }) };
      const response = await call(path, { method: "HEAD", headers });
      expect([path, response.status, await response.text()]).toEqual([path, 200, ""]);
    }
  });
});

describe("the order of checks", () => {
  const tooLong = { "content-length": "99999999999" };

  test("404 and 405 come before 401, and 405 names what is allowed", async () => {
    expect(await statusOf("/api/nothing")).toBe(404);
    expect(await statusOf("/api/orders/")).toBe(404);
    const response = await call("/api/orders", { method: "DELETE" });
    expect([response.status, response.headers.get("allow")]).toEqual([405, "POST, GET, HEAD"]);
  });

  test("401 and 403 come before 413, and 413 before the service", async () => {
    const post = async (headers: Record<string, string>) =>
      statusOf("/api/orders", { method: "POST", body: "{", headers: { ...tooLong, ...headers } });
    expect(await post({})).toBe(401);
    expect(await post({ authorization: await tokenOf("rider") })).toBe(403);
    expect(await post({ authorization: await tokenOf("customer") })).toBe(413);
    expect(received).toEqual([]);
  });

  test("a path of the management port is unknown here", async () => {
    for (const path of ["/livez", "/readyz", "/metrics"]) expect(await statusOf(path)).toBe(404);
  });
});

describe("too many requests", () => {
  test("of one user are 429 with the time to wait, while another user goes on", async () => {
    const headers = { authorization: await tokenOf("customer") };
    const other = { authorization: await tokenOf("customer", { sub: "01939e6a-7c00-7000-8000-000000000002" }) };
    for (let sent = 0; sent < 3; sent += 1) expect(await statusOf("/api/orders", { headers })).toBe(200);
    const refused = await call("/api/orders", { headers });
    expect([refused.status, refused.headers.get("retry-after")]).toEqual([429, "1"]);
    expect(await statusOf("/api/orders", { headers: other })).toBe(200);
    await clock.advance(1_000);
    expect(await statusOf("/api/orders", { headers })).toBe(200);
  });

  test("of one address are 429 only behind a trusted proxy, and what the client claims to be does not help", async () => {
    const from = (address: string) => ({ headers: { "x-forwarded-for": address } });
    for (let sent = 0; sent < 5; sent += 1) expect(await statusOf("/api/products", from("10.0.0.1"))).toBe(200);
    gateway = buildGateway(1);
    for (const claimed of ["1.1.1.1", "2.2.2.2"]) {
      expect(await statusOf("/api/products", from(`${claimed}, 10.0.0.1`))).toBe(200);
    }
    expect(await statusOf("/api/products", from("3.3.3.3, 10.0.0.1"))).toBe(429);
    expect(await statusOf("/api/products", from("10.0.0.2"))).toBe(200);
  });
});

describe("beside the calls", () => {
  test("GET /openapi.json describes every one of them", async () => {
    const response = await call("/openapi.json");
    const { openapi, paths } = (await response.json()) as { openapi: string; paths: Record<string, object> };
    expect(openapi).toBe("3.1.1");
    for (const { path, method } of allEndpoints) expect(paths[path]).toHaveProperty(method.toLowerCase());
  });

  test("the gateway is ready while services are away, which are 503 for their own calls only", async () => {
    upstream.use(http.all(`${urls.product[0]}/*`, () => HttpResponse.error()));
    expect(await gateway.ready()).toEqual({ ready: true, checks: { process: "ok" } });
    expect(await statusOf("/api/products")).toBe(503);
    expect(await statusOf("/api/orders", { headers: { authorization: await tokenOf("customer") } })).toBe(200);
  });

  test("without keys a token cannot be checked: 503, and open calls go on", async () => {
    upstream.use(http.get("http://keys.test/", () => HttpResponse.error()));
    const headers = { authorization: await tokenOf("customer") };
    let response: Response | undefined;
    const answered = Promise.resolve(call("/api/orders", { headers })).then((answer) => (response = answer));
    // It waits a second for the first keys.
    await eventually(async () => {
      await clock.advance(100);
      expect(response).toBeDefined();
    });
    expect([(await answered).status, (await answered).headers.get("retry-after")]).toEqual([503, "1"]);
    expect(await statusOf("/api/products")).toBe(200);
  });
});
