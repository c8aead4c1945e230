import { expect, test } from "bun:test";
import { routes } from "@shop/client/routes";
import { currentRoutes } from "./routes-module.ts";

test("the client knows every call of the contract as it is now; if not, run `bun run generate:client`", () => {
  expect(Object.keys(routes).length).toBeGreaterThan(30);
  expect<object>(routes).toEqual(currentRoutes());
});
