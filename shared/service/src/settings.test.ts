import { expect, test } from "bun:test";
import { ConfigError, loadConfig } from "@shop/runtime/config";
import { databaseRules, databaseSettings } from "./settings.ts";

const load = (environment: Record<string, string>) =>
  loadConfig(databaseSettings, environment, { rules: databaseRules });

test("in production a process refuses demo data and passwords of development, and says so of both at once", () => {
  const start = () =>
    load({
      ENVIRONMENT: "production",
      DATABASE_URL: "postgres://order:order-development@order-db:5432/order",
      SEED_DEMO_DATA: "true",
    });
  expect(start).toThrow(ConfigError);
  expect(start).toThrow("SEED_DEMO_DATA is true in production");
  expect(start).toThrow("DATABASE_URL has a password of development in production");
});

test("in production a password of one's own is taken, and in development every one", () => {
  expect(
    load({ ENVIRONMENT: "production", DATABASE_URL: "postgres://order:Zx81-own@order-db/order" }).ENVIRONMENT,
  ).toBe("production");
  expect(load({ DATABASE_URL: "postgres://order:order-development@order-db/order", SEED_DEMO_DATA: "true" })).toEqual({
    ENVIRONMENT: "development",
    DATABASE_URL: "postgres://order:order-development@order-db/order",
    MIGRATE_AT_START: true,
    SEED_DEMO_DATA: true,
  });
});
