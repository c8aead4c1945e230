import { expect, test } from "bun:test";
import { ConfigError, loadConfig } from "@shop/runtime/config";
import { databaseRules, databaseSettings, kafkaSecurity, messagingRules, messagingSettings } from "./settings.ts";

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

test("a database's address that asks for TLS in a way that cannot be is refused with what to write instead", () => {
  const address = (parameters: string) => () => load({ DATABASE_URL: `postgres://order@order-db/order?${parameters}` });
  expect(address("sslmode=prefer")).toThrow("it must be disable, require, verify-ca or verify-full");
  expect(address("sslrootcert=/ca.pem")).toThrow("add sslmode=verify-full");
  expect(address("sslmode=verify-full&sslrootcert=/no/such/ca.pem")).toThrow("cannot be read: ENOENT");
});

const pem = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----";
const kafka = (environment: Record<string, string>) =>
  loadConfig(
    { ENVIRONMENT: databaseSettings.ENVIRONMENT, ...messagingSettings },
    { KAFKA_BROKERS: "kafka:9092", ...environment },
    { rules: messagingRules },
  );

test("settings that would leave Kafka less protected than they look are refused", () => {
  expect(() => kafka({ KAFKA_SASL_USERNAME: "order" })).toThrow("belong together: set both, or none");
  expect(() => kafka({ KAFKA_TLS: "true", KAFKA_TLS_CERTIFICATE: pem })).toThrow("KAFKA_TLS_KEY belong together");
  expect(() => kafka({ KAFKA_TLS_CA: pem })).toThrow("of no use without KAFKA_TLS=true");
  expect(() => kafka({ KAFKA_TLS: "true", KAFKA_TLS_CA: "/run/ca.pem" })).toThrow("must be certificates as PEM");
  const published = { KAFKA_SASL_USERNAME: "order", KAFKA_SASL_PASSWORD: "order-development" };
  expect(() => kafka({ ...published, ENVIRONMENT: "production" })).toThrow("KAFKA_SASL_PASSWORD is a password of dev");
});

test("Kafka is spoken to with TLS and a password when the settings say so, and in the clear when they say nothing", () => {
  const full = { KAFKA_TLS: "true", KAFKA_TLS_CA: pem, KAFKA_SASL_USERNAME: "order", KAFKA_SASL_PASSWORD: "secret" };
  expect(kafkaSecurity(kafka(full))).toMatchObject({
    tls: { ca: pem },
    sasl: { username: "order", password: "secret" },
  });
  expect(kafkaSecurity(kafka({}))).toEqual({});
});
