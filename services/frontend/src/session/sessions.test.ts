import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import { delay, http, HttpResponse } from "msw";
import { setupServer } from "msw/node";
import { createMetrics } from "@shop/runtime/metrics";
import { ManualClock } from "@shop/testing/clock";
import { eventually } from "@shop/testing/eventually";
import { testIdentity as identity } from "@shop/testing/identity";
import { capturedLogger } from "@shop/testing/logger";
import { createFrontend } from "../service.ts";

/** An address that is in no network: answered by the mock alone. */
const GATEWAY = "http://192.0.2.1";
/** What must be found nowhere. */
const SECRET = "Seeded-secret";
const OURS = { "sec-fetch-site": "same-origin" };
const upstream = setupServer();
let clock: ManualClock;
let frontend: ReturnType<typeof createFrontend>;
let lines: ReturnType<typeof capturedLogger>["lines"];
/** What reached the gateway: its path, and who it was for. */
let received: string[];
let exchanges: { readonly token: string; readonly key: string | null }[];

beforeAll(() => upstream.listen({ onUnhandledRequest: "error" }));
afterEach(() => upstream.resetHandlers());
afterAll(() => upstream.close());
beforeEach(() => {
  clock = new ManualClock();
  received = [];
  exchanges = [];
  frontend = build();
  const pair = (number: number) => ({
    accessToken: `head.body${number}.signature`,
    tokenType: "Bearer",
    expiresIn: 900,
    refreshToken: `refresh-${number}`,
  });
  upstream.use(
    http.post(`${GATEWAY}/login`, () => HttpResponse.json(pair(1))),
    http.post(`${GATEWAY}/login/refresh`, async ({ request }) => {
      const { refreshToken } = (await request.json()) as { refreshToken: string };
      exchanges.push({ token: refreshToken, key: request.headers.get("idempotency-key") });
      await Bun.sleep(5);
      return HttpResponse.json(pair(exchanges.length + 1));
    }),
    http.post(`${GATEWAY}/logout`, () => new HttpResponse(null, { status: 204 })),
    http.all(`${GATEWAY}/*`, ({ request }) => {
      received.push(`${new URL(request.url).pathname} ${request.headers.get("authorization") ?? "nobody"}`);
      expect(request.headers.get("cookie")).toBeNull();
      return HttpResponse.json({ ok: true });
    }),
  );
});

function build(secure = false, upstreamTimeoutMs = 60_000): ReturnType<typeof createFrontend> {
  const captured = capturedLogger();
  lines = captured.lines;
  const parts = { identity, clock, logger: captured.logger, metrics: createMetrics() };
  return createFrontend({ ...parts, secure, rebuildPages: false, gatewayUrls: [GATEWAY], upstreamTimeoutMs });
}

const call = (path: string, init: RequestInit = {}) => frontend.app.request(path, init);
const logIn = (headers: Record<string, string> = OURS) =>
  call("/session", {
    method: "POST",
    headers: { "content-type": "application/json", ...headers },
    body: JSON.stringify({ username: "customer", password: "customer-password" }),
  });
const cookieOf = (response: Response) => (response.headers.get("set-cookie") ?? "").split(";", 1)[0] ?? "";
const codeOf = async (response: Response) => [response.status, ((await response.json()) as { code: string }).code];

async function loggedIn(): Promise<string> {
  return cookieOf(await logIn());
}

describe("logging a browser in", () => {
  test("gives it one cookie that scripts cannot read, and no token besides", async () => {
    const response = await logIn();
    expect([response.status, await response.text()]).toEqual([204, ""]);
    const cookie = response.headers.get("set-cookie") ?? "";
    expect(cookie).toStartWith("session=refresh-1.");
    expect(cookie).toEndWith("; Max-Age=2592000; Path=/; HttpOnly; SameSite=Strict");
  });

  test("gives it a cookie for https and for this host only, where browsers come by https", async () => {
    frontend = build(true);
    const cookie = (await logIn()).headers.get("set-cookie") ?? "";
    expect(cookie).toStartWith("__Host-session=");
    expect(cookie).toEndWith("; Path=/; HttpOnly; SameSite=Strict; Secure");
  });

  test.each(["/", "/docs", "/openapi.json", "/api/orders", "/api/no/such/call", "/no/such/page"])(
    "tells browsers at %s to come by https only, where they do, and nothing elsewhere",
    async (path) => {
      expect((await call(path)).headers.get("strict-transport-security")).toBeNull();
      frontend = build(true);
      expect((await call(path)).headers.get("strict-transport-security")).toBe("max-age=31536000");
    },
  );

  test("passes a refusal on, with the time to wait", async () => {
    upstream.use(
      http.post(`${GATEWAY}/login`, () => {
        const refusal = { type: "t", title: "t", status: 429, detail: "Too many.", instance: "/login", requestId: "r" };
        return HttpResponse.json(
          { ...refusal, code: "TOO_MANY_FAILED_LOGINS" },
          { status: 429, headers: { "retry-after": "7" } },
        );
      }),
    );
    const response = await logIn();
    expect([response.headers.get("retry-after"), response.headers.get("set-cookie")]).toEqual(["7", null]);
    expect(await codeOf(response)).toEqual([429, "TOO_MANY_FAILED_LOGINS"]);
  });

  test("is 503 while the gateway is away", async () => {
    upstream.use(http.post(`${GATEWAY}/login`, () => HttpResponse.error()));
    expect(await codeOf(await logIn())).toEqual([503, "UNAVAILABLE"]);
  });

  test.each([
    ["no JSON", () => new HttpResponse(`{"accessToken": "${SECRET}`, { status: 200 })],
    ["another shape", () => HttpResponse.json({ accessToken: [SECRET], refreshToken: { [SECRET]: SECRET } })],
    ["a fault of its own", () => HttpResponse.json({ detail: SECRET, stack: SECRET }, { status: 500 })],
    ["a page", () => new HttpResponse(SECRET, { status: 502, headers: { "content-type": "text/html" } })],
    ["nothing", () => HttpResponse.error()],
  ])("that the gateway answers with %s writes no password, token or cookie anywhere", async (_, answer) => {
    const cookie = `session=${SECRET}.0.${SECRET}.${SECRET}.${SECRET}`;
    upstream.use(http.post(`${GATEWAY}/*`, answer), http.get(`${GATEWAY}/*`, answer));
    const written = [
      await call("/session", {
        method: "POST",
        headers: { "content-type": "application/json", cookie, ...OURS },
        body: JSON.stringify({ username: SECRET.toLowerCase(), password: `${SECRET} password` }),
      }),
      await call("/api/orders", { headers: { cookie } }),
      await call("/api/orders", { headers: { authorization: `Bearer ${SECRET}` } }),
      await call("/session", { method: "DELETE", headers: { cookie, ...OURS } }),
    ];
    // What is JSON is passed on as it is, to who asked for it with a token of their own.
    const failed = written.filter(({ status }) => status >= 500);
    expect(failed.length).toBeGreaterThanOrEqual(3);
    const texts = await Promise.all(failed.map((response) => response.text()));
    expect(lines.length).toBeGreaterThan(0);
    expect([...texts, ...lines.map((line) => JSON.stringify(line))].filter((text) => /seeded/i.test(text))).toEqual([]);
  });

  test.each([
    [{ "sec-fetch-site": "cross-site" }],
    [{ "sec-fetch-site": "same-site" }],
    [{ origin: "https://evil.example", host: "shop.example" }],
    [{}],
  ])("is refused to another site's page: %o", async (headers) => {
    expect(await codeOf(await logIn(headers))).toEqual([403, "FORBIDDEN"]);
  });

  test.each(["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"])(
    "takes no %s, which a form of another site can send without asking",
    async (type) => {
      const body = JSON.stringify({ username: "customer", password: "customer-password" });
      const response = await call("/session", { method: "POST", headers: { "content-type": type, ...OURS }, body });
      expect(response.headers.get("set-cookie")).toBeNull();
      expect(await codeOf(response)).toEqual([415, "UNSUPPORTED_MEDIA_TYPE"]);
    },
  );

  test("is granted to an old browser that tells its origin only", async () => {
    expect((await logIn({ origin: "https://shop.example", host: "shop.example" })).status).toBe(204);
  });
});

describe("a call with a session", () => {
  test("whose refresh token is in parts is kept and exchanged whole", async () => {
    const refreshToken = "secret.17-part.signature";
    const until = clock.now() - 1;
    const cookie = `session=${refreshToken}.${until}.head.body1.signature`;
    await call("/api/orders", { headers: { cookie } });
    expect(exchanges.map(({ token }) => token)).toEqual([refreshToken]);
    await call("/api/orders", { headers: { cookie: cookie.replace(String(until), String(clock.now() + 1)) } });
    expect(received.at(-1)).toBe("/api/orders Bearer head.body1.signature");
  });

  test("goes on with its access token", async () => {
    const cookie = await loggedIn();
    expect((await call("/api/orders", { headers: { cookie } })).headers.get("set-cookie")).toBeNull();
    expect(received).toEqual(["/api/orders Bearer head.body1.signature"]);
  });

  test("of a caller with an Authorization of their own has nothing to do with the cookie, even a bad one", async () => {
    const cookie = await loggedIn();
    await call("/api/orders", { headers: { cookie, authorization: "Bearer theirs" } });
    await call("/api/orders", { headers: { cookie, authorization: "nonsense" } });
    expect(received).toEqual(["/api/orders Bearer theirs", "/api/orders nonsense"]);
  });

  test.each(["POST", "PUT", "PATCH", "DELETE"])("%s is refused when another site's page caused it", async (method) => {
    const cookie = await loggedIn();
    for (const headers of [{ cookie }, { cookie, "sec-fetch-site": "cross-site" }]) {
      expect(await codeOf(await call("/api/orders/x/cancel", { method, headers }))).toEqual([403, "FORBIDDEN"]);
    }
    expect(received).toEqual([]);
    expect((await call("/api/orders/x/cancel", { method, headers: { cookie, ...OURS } })).status).toBe(200);
  });

  test("that another site's page caused is made without it where it only reads, and refreshes nothing", async () => {
    const cookie = await loggedIn();
    await clock.advance(900_000);
    for (const site of ["cross-site", "same-site"]) {
      for (const method of ["GET", "HEAD", "OPTIONS"]) {
        await call("/api/orders", { method, headers: { cookie, "sec-fetch-site": site } });
      }
    }
    expect([new Set(received), exchanges]).toEqual([new Set(["/api/orders nobody"]), []]);
  });

  test("that names another method in a header or a query is what its own method says", async () => {
    const cookie = await loggedIn();
    const methods: string[] = [];
    upstream.use(
      http.all(`${GATEWAY}/*`, ({ request }) => {
        methods.push(request.method);
        return HttpResponse.json({});
      }),
    );
    const headers = { cookie, "x-http-method-override": "DELETE", "x-method-override": "DELETE" };
    await call("/api/products/x?_method=DELETE", { headers });
    await call("/session?_method=DELETE", { headers });
    expect(methods).toEqual(["GET"]);
  });

  test("that anyone may make goes on without it, and needs no refresh", async () => {
    const cookie = await loggedIn();
    await clock.advance(900_000);
    await call("/api/products", { headers: { cookie } });
    expect([received, exchanges]).toEqual([["/api/products nobody"], []]);
  });

  test("refreshes before the access token ends, and the browser keeps the new pair", async () => {
    const cookie = await loggedIn();
    await clock.advance(870_000);
    const response = await call("/api/orders", { headers: { cookie } });
    expect(cookieOf(response)).toStartWith("session=refresh-2.");
    await call("/api/orders", { headers: { cookie: cookieOf(response) } });
    expect(received).toEqual(["/api/orders Bearer head.body2.signature", "/api/orders Bearer head.body2.signature"]);
    expect(exchanges.map(({ token }) => token)).toEqual(["refresh-1"]);
  });

  test("shares one exchange with all that come with the same cookie, also shortly after", async () => {
    const cookie = await loggedIn();
    await clock.advance(900_000);
    const together = await Promise.all(Array.from({ length: 8 }, () => call("/api/orders", { headers: { cookie } })));
    await clock.advance(9_000);
    const late = await call("/api/orders", { headers: { cookie } });
    expect(exchanges).toHaveLength(1);
    expect(new Set([...together, late].map(cookieOf)).size).toBe(1);
  });

  test("that comes much later with the same cookie leaves it to the user service whether that is a theft", async () => {
    const cookie = await loggedIn();
    await clock.advance(900_000);
    await call("/api/orders", { headers: { cookie } });
    await clock.advance(11_000);
    await call("/api/orders", { headers: { cookie } });
    expect(exchanges.map(({ token }) => token)).toEqual(["refresh-1", "refresh-1"]);
  });

  test("means the same exchange in every replica, so that two at once are no theft", async () => {
    const cookie = await loggedIn();
    await clock.advance(900_000);
    const other = build();
    await Promise.all([
      call("/api/orders", { headers: { cookie } }),
      other.app.request("/api/orders", { headers: { cookie } }),
    ]);
    expect(exchanges).toHaveLength(2);
    expect(new Set(exchanges.map(({ key }) => key)).size).toBe(1);
    expect(exchanges[0]?.key).toMatch(/^browser-[0-9a-f]{64}$/);
  });

  test("is exchanged anew by who comes later, also after the time of day was set back", async () => {
    const cookie = "session=refresh-1.0.head.body1.signature";
    await call("/api/orders", { headers: { cookie } });
    clock.setTimeOfDay(-3_600_000);
    await clock.advance(10_001);
    await call("/api/orders", { headers: { cookie } });
    expect(exchanges.map(({ token }) => token)).toEqual(["refresh-1", "refresh-1"]);
  });

  test("goes on as nobody's when its session has ended, and the browser forgets it", async () => {
    const cookie = await loggedIn();
    await clock.advance(900_000);
    const refusal = { type: "t", title: "t", status: 401, detail: "Spent.", instance: "/", requestId: "r" };
    upstream.use(
      http.post(`${GATEWAY}/login/refresh`, () =>
        HttpResponse.json({ ...refusal, code: "INVALID_REFRESH_TOKEN" }, { status: 401 }),
      ),
    );
    const response = await call("/api/orders", { headers: { cookie } });
    expect(response.headers.get("set-cookie")).toStartWith("session=; Max-Age=0;");
    expect(received).toEqual(["/api/orders nobody"]);
  });

  test("that nobody answers after its session was refreshed gives the browser the new pair all the same", async () => {
    const cookie = await loggedIn();
    await clock.advance(900_000);
    upstream.use(http.get(`${GATEWAY}/api/orders`, () => HttpResponse.error(), { once: true }));
    const unanswered = await call("/api/orders", { headers: { cookie } });
    expect([unanswered.status, unanswered.headers.get("retry-after")]).toEqual([503, "1"]);
    await clock.advance(60_000);
    expect((await call("/api/orders", { headers: { cookie: cookieOf(unanswered) } })).status).toBe(200);
    expect([exchanges.map(({ token }) => token), received]).toEqual([
      ["refresh-1"],
      ["/api/orders Bearer head.body2.signature"],
    ]);
  });

  test("that is refreshed first has no more time for both together than any other call", async () => {
    const cookie = await loggedIn();
    frontend = build(false, 2_000);
    await clock.advance(900_000);
    const pair = {
      accessToken: "head.body2.signature",
      tokenType: "Bearer",
      expiresIn: 900,
      refreshToken: "refresh-2",
    };
    upstream.use(
      http.post(`${GATEWAY}/login/refresh`, async () => {
        await clock.advance(1_800);
        return HttpResponse.json(pair);
      }),
      http.get(`${GATEWAY}/api/orders`, () => delay("infinite")),
    );
    expect((await call("/api/orders", { headers: { cookie } })).status).toBe(503);
    const within = /^gateway did not answer within (\d+) ms/.exec(String(lines.at(-1)?.["reason"]))?.[1];
    expect(Number(within)).toBeLessThanOrEqual(200);
  });

  test("is 503 while it cannot be refreshed, and the browser keeps it for later", async () => {
    const cookie = await loggedIn();
    await clock.advance(900_000);
    upstream.use(http.post(`${GATEWAY}/login/refresh`, () => HttpResponse.error(), { once: true }));
    const response = await call("/api/orders", { headers: { cookie } });
    expect([response.status, response.headers.get("set-cookie")]).toEqual([503, null]);
    expect((await call("/api/orders", { headers: { cookie } })).status).toBe(200);
  });

  test("is 503 while refreshing is refused for another reason than the session's end, and the browser keeps it for the next call", async () => {
    const cookie = await loggedIn();
    await clock.advance(900_000);
    const refusal = { type: "t", title: "t", status: 429, detail: "Too many.", instance: "/", requestId: "r" };
    const refuse = () => HttpResponse.json({ ...refusal, code: "TOO_MANY_REQUESTS" }, { status: 429 });
    upstream.use(http.post(`${GATEWAY}/login/refresh`, refuse, { once: true }));
    const response = await call("/api/orders", { headers: { cookie } });
    expect([response.status, response.headers.get("set-cookie")]).toEqual([503, null]);
    expect(received).toEqual([]);
    expect((await call("/api/orders", { headers: { cookie } })).status).toBe(200);
  });

  test("whose token is refused refreshes at the next call", async () => {
    const cookie = await loggedIn();
    upstream.use(http.get(`${GATEWAY}/api/orders`, () => HttpResponse.json({}, { status: 401 }), { once: true }));
    const refused = await call("/api/orders", { headers: { cookie } });
    expect(refused.status).toBe(401);
    await call("/api/orders", { headers: { cookie: cookieOf(refused) } });
    expect([exchanges.length, received]).toEqual([1, ["/api/orders Bearer head.body2.signature"]]);
  });

  test("whose new token is refused as soon as it was refreshed keeps what it was given, not what is spent", async () => {
    const cookie = await loggedIn();
    await clock.advance(900_000);
    upstream.use(http.get(`${GATEWAY}/api/orders`, () => HttpResponse.json({}, { status: 401 }), { once: true }));
    const refused = await call("/api/orders", { headers: { cookie } });
    expect([refused.status, cookieOf(refused)]).toEqual([401, "session=refresh-2.0.head.body2.signature"]);
    await clock.advance(60_000);
    expect((await call("/api/orders", { headers: { cookie: cookieOf(refused) } })).status).toBe(200);
    expect(exchanges.map(({ token }) => token)).toEqual(["refresh-1", "refresh-2"]);
  });

  test.each(["", "session=", "session=a.b", "session=a.1.b.c", "session=a b.1.b.c.d", "other=a.1.b.c.d"])(
    "with the cookie %j is nobody's",
    async (cookie) => {
      await call("/api/orders", { headers: { cookie } });
      expect(received).toEqual(["/api/orders nobody"]);
    },
  );
});

describe("logging a browser out", () => {
  const logOut = (cookie: string, headers: Record<string, string> = OURS) =>
    call("/session", { method: "DELETE", headers: { cookie, ...headers } });

  test("ends the session at the user service, and the browser forgets it", async () => {
    let ended: unknown;
    upstream.use(
      http.post(`${GATEWAY}/logout`, async ({ request }) => {
        ended = await request.json();
        return new HttpResponse(null, { status: 204 });
      }),
    );
    const response = await logOut(await loggedIn());
    expect([response.status, ended]).toEqual([204, { refreshToken: "refresh-1" }]);
    expect(response.headers.get("set-cookie")).toStartWith("session=; Max-Age=0;");
  });

  test("lets the browser forget it while the user service is away, too, and says so", async () => {
    const cookie = await loggedIn();
    upstream.use(http.post(`${GATEWAY}/logout`, () => HttpResponse.error()));
    const response = await logOut(cookie);
    expect(response.headers.get("set-cookie")).toStartWith("session=; Max-Age=0;");
    expect(await codeOf(response)).toEqual([503, "UNAVAILABLE"]);
  });

  test("is refused to another site's page", async () => {
    expect((await logOut(await loggedIn(), { "sec-fetch-site": "cross-site" })).status).toBe(403);
  });
});

test("no door is without admission: logins, refreshes and logouts that wait count as calls, and what comes beyond the limit is refused before the gateway is asked", async () => {
  frontend = build(false, 30_000);
  const cookie = await loggedIn();
  const passed: string[] = [];
  const opened = Promise.withResolvers<void>();
  upstream.use(
    http.post(`${GATEWAY}/*`, async ({ request }) => {
      passed.push(new URL(request.url).pathname);
      await opened.promise;
      return HttpResponse.error();
    }),
  );
  await clock.advance(900_000);
  const doors = {
    "/login": () => logIn(),
    "/login/refresh": () => call("/api/orders", { headers: { ...OURS, cookie } }),
    "/logout": () => call("/session", { method: "DELETE", headers: { ...OURS, cookie } }),
  };
  // As many as one frontend lets wait for their answers; few at a time, since a process that is late lets fewer wait.
  const crowd: (Response | Promise<Response>)[] = [];
  await eventually(() => {
    for (let count = 0; count < 20; count += 1) crowd.push(logIn());
    expect(passed).toHaveLength(500);
  });
  for (const [path, open] of Object.entries(doors)) {
    const before = passed.length;
    expect([path, ...(await codeOf(await open()))]).toEqual([path, 503, "UNAVAILABLE"]);
    expect(passed.length).toBe(before);
  }
  const refused = await call("/session", { method: "DELETE", headers: { ...OURS, cookie } });
  expect(refused.headers.get("set-cookie")).toContain("Max-Age=0");
  opened.resolve();
  await Promise.all(crowd);
  expect(passed).toHaveLength(500);
}, 60_000);
