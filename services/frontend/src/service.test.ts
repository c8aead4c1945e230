import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import { http, HttpResponse } from "msw";
import { setupServer } from "msw/node";
import { allEndpoints } from "@shop/contracts/http/catalog";
import { createMetrics } from "@shop/runtime/metrics";
import { ManualClock } from "@shop/testing/clock";
import { capturedLogger } from "@shop/testing/logger";
import { createFrontend } from "./service.ts";

const GATEWAY = "http://gateway.test";
const product = {
  id: "01939e6a-7c00-7000-8000-000000000001",
  name: "<script>alert(1)</script>",
  description: "Sencha & friends",
  price: 12_500,
  currency: "KRW",
  stock: 0,
  version: 1,
};
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
      return HttpResponse.json({ ok: true });
    }),
  );
  const { logger } = capturedLogger();
  const parts = { clock: new ManualClock(), logger, metrics: createMetrics() };
  frontend = createFrontend({ ...parts, gatewayUrl: GATEWAY, upstreamTimeoutMs: 200 });
});

const call = (path: string, init: RequestInit = {}) => frontend.app.request(path, init);
const productsAre = (answer: () => Response) => upstream.use(http.get(`${GATEWAY}/api/products`, answer));

describe("the page", () => {
  test("shows what is on sale, with names as text and prices in their currency", async () => {
    const other = { ...product, name: "Green tea", stock: 3 };
    productsAre(() => HttpResponse.json({ items: [product, other], nextCursor: null }));
    const response = await call("/");
    const page = await response.text();
    expect([response.status, response.headers.get("content-type")]).toEqual([200, "text/html; charset=UTF-8"]);
    expect(page).toStartWith("<!doctype html><html");
    expect(page).toContain("&lt;script&gt;alert(1)&lt;/script&gt;");
    for (const shown of ["Sencha &amp; friends", "₩12,500", "sold out", "Green tea", "3 in stock", "/openapi.json"]) {
      expect(page).toContain(shown);
    }
  });

  test("allows no script and nothing from elsewhere", async () => {
    const response = await call("/");
    const policy = response.headers.get("content-security-policy") ?? "";
    expect(policy).toContain("default-src 'none'");
    expect(policy).not.toContain("script-src");
    expect(policy).not.toContain("unsafe-inline");
    const page = await response.text();
    expect(page).not.toMatch(/<script|<style|style=|https?:\/\//);
    expect((await call("/style.css")).headers.get("content-type")).toBe("text/css; charset=utf-8");
  });

  test.each([
    ["away", () => HttpResponse.error()],
    ["failing", () => HttpResponse.json({}, { status: 503 })],
    ["talking nonsense", () => HttpResponse.json({ items: [{ name: 1 }] })],
  ])("is shown without products while the API is %s", async (_how, answer) => {
    productsAre(answer);
    const response = await call("/");
    expect(response.status).toBe(200);
    expect(await response.text()).toContain("cannot be shown right now");
  });
});

describe("every other path", () => {
  test.each([...new Set(allEndpoints.map(({ path }) => path)), "/openapi.json", "/docs"])(
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

  test("is a 503 problem while the gateway is away", async () => {
    upstream.use(http.all(`${GATEWAY}/*`, () => HttpResponse.error()));
    const response = await call("/login", { method: "POST", body: "{}" });
    expect([response.status, response.headers.get("retry-after")]).toEqual([503, "1"]);
    expect(await frontend.ready()).toMatchObject({ ready: true });
  });
});
