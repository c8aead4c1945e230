import { describe, expect, test } from "bun:test";
import { createRouter, createRouteTable } from "./routes.ts";

describe("the route table", () => {
  const table = createRouteTable();
  table.add("GET", "/api/orders/{id}");
  table.add("POST", "/api/orders");
  table.add("ANY", "/login.json");
  table.add("GET", "/api/orders/mine");
  table.add("PATCH", "/api/orders/{id}");

  test.each([
    ["GET", "/api/orders/1", true],
    ["HEAD", "/api/orders/1", true],
    ["POST", "/api/orders/1", false],
    ["PATCH", "/api/orders/1", true],
    ["GET", "/api/orders/mine", true],
    ["PATCH", "/api/orders/mine", false],
    ["POST", "/api/orders", true],
    ["POST", "/api/orders/", false],
    ["GET", "/api/orders/1/events", false],
    ["ANY", "/login.json", true],
    ["ANY", "/loginxjson", false],
  ])("tells whether %s %s is there: %p", (method, path, isThere) => {
    expect(table.has(method, path)).toBe(isThere);
    expect(table.methodsOf(path).includes(method)).toBe(isThere);
  });
});

describe("the router", () => {
  const router = createRouter<string>();
  router.add("GET", "/letters/:id", "one");
  router.add("POST", "/letters/:id/replay", "replay one");
  router.add("POST", "/letters/replay", "replay all");
  router.add("ALL", "/api/*", "rest");
  router.add("GET", "/api/health", "health");
  router.add("ALL", "/login", "login");
  router.add("GET", "/login", "login page");
  const found = (method: string, path: string) => router.match(method, path)[0].map(([handler]) => handler)[0];

  test.each([
    ["GET", "/letters/replay", undefined],
    ["POST", "/letters/replay", "replay all"],
    ["POST", "/letters/replay/replay", "replay one"],
    ["GET", "/api/health", "health"],
    ["POST", "/api/health", "rest"],
    ["PURGE", "/api/health/x", "rest"],
    ["PUT", "/login", "login"],
    ["GET", "/login", "login page"],
    ["GET", "/nothing", undefined],
    ["POST", "/letters/1", undefined],
  ])("finds for %s %s: %p", (method, path, handler) => expect(found(method, path)).toBe(handler));

  test("gives the parameters of a path", () => {
    const [handlers, stash] = router.match("GET", "/letters/7");
    const parameters = handlers[0]?.[1] ?? {};
    expect(stash?.[(parameters as { id: number }).id]).toBe("7");
  });
});
