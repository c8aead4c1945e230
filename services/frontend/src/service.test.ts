import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import { http, HttpResponse } from "msw";
import { setupServer } from "msw/node";
import { allEndpoints } from "@shop/contracts/http/endpoints";
import { createMetrics } from "@shop/runtime/metrics";
import { ManualClock } from "@shop/testing/clock";
import { eventually } from "@shop/testing/eventually";
import { testIdentity as identity } from "@shop/testing/identity";
import { capturedLogger } from "@shop/testing/logger";
import { pagePaths } from "./pages/paths.ts";
import { createFrontend } from "./service.ts";

/** An address that is in no network: answered by the mock alone. */
const GATEWAY = "http://192.0.2.1";
const upstream = setupServer();
let received: Request[];
let frontend: ReturnType<typeof createFrontend>;

beforeAll(() => upstream.listen({ onUnhandledRequest: "error" }));
afterEach(() => upstream.resetHandlers());
afterAll(() => upstream.close());
beforeEach(() => {
  received = [];
  upstream.use(
    http.all(`${GATEWAY}/*`, ({ request }) => {
      received.push(request);
      return HttpResponse.json({ ok: true, services: [] });
    }),
  );
  frontend = build([GATEWAY]);
});

function build(gatewayUrls: readonly string[]): ReturnType<typeof createFrontend> {
  const { logger } = capturedLogger();
  const parts = { identity, clock: new ManualClock(), logger, metrics: createMetrics() };
  const pages = { secure: false, rebuildPages: false };
  return createFrontend({ ...parts, ...pages, gatewayUrls, upstreamTimeoutMs: 60_000 });
}

const call = (path: string, init: RequestInit = {}) => frontend.app.request(path, init);

test("the gateway is told who is connected, for a login of a browser too, and not what the client claims", async () => {
  const headers = {
    "x-forwarded-for": "192.0.2.66",
    "x-client-address": "192.0.2.66",
    "sec-fetch-site": "same-origin",
  };
  const peer = () => "203.0.113.7";
  await frontend.app.fetch(new Request("http://frontend.test/api/products", { headers }), peer);
  const login = { method: "POST", body: '{"username":"someone","password":"their password"}' };
  const json = { ...headers, "content-type": "application/json" };
  await frontend.app.fetch(new Request("http://frontend.test/session", { ...login, headers: json }), peer);
  const told = received.map((request) =>
    ["x-forwarded-for", "x-client-address"].map((name) => request.headers.get(name)),
  );
  expect(told).toEqual([
    ["203.0.113.7", null],
    ["203.0.113.7", null],
  ]);
});

describe("a page", () => {
  test("is the same document at each of its paths, in the language and the colours of its visitor", async () => {
    for (const path of Object.values(pagePaths)) {
      const address = path.replace("{id}", "01939e6a-7c00-7000-8000-000000000009");
      const korean = await call(address, { headers: { "accept-language": "ko-KR,ko;q=0.9,en;q=0.8" } });
      expect([korean.status, korean.headers.get("content-type")]).toEqual([200, "text/html; charset=UTF-8"]);
      expect(await korean.text()).toMatch(
        /^<!doctype html>\s*<html lang="ko" data-theme="system" data-session="unknown">/,
      );
      const headers = { "accept-language": "ko", cookie: "language=en; theme=dark; session=r.0.a.b.c" };
      const chosen = await call(address, { headers });
      expect(await chosen.text()).toMatch(/^<!doctype html>\s*<html lang="en" data-theme="dark" data-session="yes">/);
    }
    expect(received).toEqual([]);
  });

  test.each([
    ["none", "no"],
    ["same-origin", "no"],
    ["cross-site", "unknown"],
    ["same-site", "unknown"],
  ])("that a browser asks for without a cookie, from %s, says that the session is there: %s", async (site, session) => {
    const page = await call("/", { headers: { "sec-fetch-site": site } });
    expect(await page.text()).toContain(`data-session="${session}"`);
    expect(page.headers.get("vary")).toContain("Sec-Fetch-Site");
  });

  test("stands where nothing is, for people; a program is told in its own words, there and where another method is meant", async () => {
    const asPerson = { headers: { accept: "text/html,application/xhtml+xml,*/*;q=0.8" } };
    const page = await call("/no/such/page", asPerson);
    expect([page.status, page.headers.get("content-type")]).toEqual([404, "text/html; charset=UTF-8"]);
    expect(page.headers.get("content-security-policy")).toContain("default-src 'none'");
    const problems = [await call("/no/such/page"), await call("/session", asPerson), await call("/livez", {})];
    expect(problems.map(({ status }) => status)).toEqual([404, 405, 404]);
    for (const { headers } of problems) expect(headers.get("content-type")).toBe("application/problem+json");
    expect(problems[1]?.headers.get("allow")).toBe("POST, DELETE");
    expect(received).toEqual([]);
  });

  test("allows no script and no style but its own, and nothing inline", async () => {
    const response = await call("/");
    const policy = response.headers.get("content-security-policy") ?? "";
    expect(policy).toContain("default-src 'none'");
    expect(policy).toContain("script-src 'self'");
    expect(policy).not.toContain("unsafe");
    expect(response.headers.get("strict-transport-security")).toBeNull();
    const page = await response.text();
    expect(page).not.toMatch(/<script(?![^>]* src="\/assets\/)|<style|style=|\son\w+=|src="http|href="http/);
  });

  test("brings a script and a style sheet that may be kept for ever, compressed for whoever takes that", async () => {
    const page = await (await call("/")).text();
    const paths = Array.from(page.matchAll(/"(?<path>\/assets\/[^"]+)"/g), ({ groups }) => groups?.["path"] ?? "");
    expect(paths.map((path) => path.split(".").at(-1))).toEqual(["css", "js"]);
    for (const path of paths) {
      const sizes: number[] = [];
      for (const encoding of ["br", "gzip", null]) {
        const response = await call(path, { headers: { "accept-encoding": encoding ?? "identity" } });
        expect([response.status, response.headers.get("content-encoding")]).toEqual([200, encoding]);
        expect(response.headers.get("cache-control")).toBe("public, max-age=31536000, immutable");
        sizes.push((await response.arrayBuffer()).byteLength);
      }
      expect(sizes).toEqual(sizes.toSorted((a, b) => a - b));
    }
    expect((await call("/assets/0000000000000000.js")).status).toBe(404);
  });
});

describe("the health", () => {
  const gatewayTells = (status: string) =>
    http.get(`${GATEWAY}/api/health`, () =>
      HttpResponse.json(
        { status, at: "", services: [{ service: "gateway", status }] },
        { headers: { "x-kept": "yes" } },
      ),
    );

  test("that the gateway tells is completed by the frontend's own", async () => {
    upstream.use(gatewayTells("UP"));
    await call("/");
    const response = await call("/api/health");
    expect([response.status, response.headers.get("x-kept")]).toEqual([200, "yes"]);
    const text = await response.text();
    expect(response.headers.get("content-length") ?? String(text.length)).toBe(String(text.length));
    expect(JSON.parse(text)).toMatchObject({
      status: "UP",
      services: [
        { service: "frontend", status: "UP", release: identity.release, checks: [{ name: "pages", ok: true }] },
        { service: "gateway" },
      ],
    });
    upstream.use(gatewayTells("IMPAIRED"));
    expect(await (await call("/api/health")).json()).toMatchObject({ status: "IMPAIRED" });
  });

  test("that the gateway refuses is refused", async () => {
    const problem = () =>
      HttpResponse.json({ status: 403 }, { status: 403, headers: { "content-type": "application/problem+json" } });
    upstream.use(http.get(`${GATEWAY}/api/health`, problem));
    expect((await call("/api/health")).status).toBe(403);
  });
});

describe("every other path", () => {
  test.each([...new Set(allEndpoints.map(({ path }) => path))])(
    "%s goes to the gateway, with whatever method, and with the request's id",
    async (path) => {
      for (const method of ["GET", "POST", "DELETE", "OPTIONS"]) {
        const response = await call(path, { method, headers: { "x-user-role": "admin" } });
        expect(response.status).toBe(200);
        const request = received.pop();
        expect([request?.method, new URL(request?.url ?? "").pathname]).toEqual([method, encodeURI(path)]);
        expect(request?.headers.get("x-request-id")).toBe(response.headers.get("x-request-id"));
        expect(request?.headers.get("x-user-role")).toBeNull();
      }
    },
  );

  test.each(["/nothing", "/login/other", "/livez", "/readyz", "/metrics", "/.well-known/other"])(
    "%s is unknown: a 404 problem, without asking the gateway",
    async (path) => {
      const response = await call(path);
      expect([response.status, response.headers.get("content-type")]).toEqual([404, "application/problem+json"]);
      expect(received).toEqual([]);
    },
  );

  test("is 405 where only the page is", async () => {
    const response = await call("/", { method: "POST" });
    expect([response.status, response.headers.get("allow")]).toEqual([405, "GET, HEAD"]);
  });

  test.each([
    ["/api/orders", 2, "it honours the key"],
    ["/api/users", 1, "what it does would be done twice"],
  ])("a key with POST %s lets %d of two gateways be asked while they answer 503: %s", async (path, times) => {
    const gateways = [GATEWAY, "http://192.0.2.2"];
    frontend = build(gateways);
    upstream.use(
      http.get("*", ({ request }) => {
        received.push(request);
        return HttpResponse.json({});
      }),
    );
    // A gateway gets calls once it is known to be there.
    await eventually(async () => {
      await call("/api/products");
      const answering = received
        .filter(({ url }) => url.endsWith("/api/products"))
        .map(({ url }) => new URL(url).origin);
      expect([...new Set(answering)].toSorted()).toEqual(gateways);
    });
    let sent = 0;
    upstream.use(
      http.post("*", () => {
        sent += 1;
        const headers = { "content-type": "application/problem+json" };
        return new HttpResponse(JSON.stringify({ code: "UNAVAILABLE" }), { status: 503, headers });
      }),
    );
    const headers = { "idempotency-key": "key-1" };
    expect((await call(path, { method: "POST", headers, body: "{}" })).status).toBe(503);
    expect(sent).toBe(times);
  });

  test("is a 503 problem while the gateway is away", async () => {
    upstream.use(http.all(`${GATEWAY}/*`, () => HttpResponse.error()));
    const response = await call("/login", { method: "POST", body: "{}" });
    expect([response.status, response.headers.get("retry-after")]).toEqual([503, "1"]);
    expect((await call("/")).status).toBe(200);
    expect(await frontend.ready()).toMatchObject({ ready: true });
  });
});
