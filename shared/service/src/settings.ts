import { defaultPorts, MANAGEMENT_PORT_OFFSET, type ProcessName } from "@shop/contracts/ports";
import { commaSeparated, flag, httpUrl, port, wholeNumber } from "@shop/runtime/config";
import { logLevels } from "@shop/runtime/logger";
import { z } from "zod";

/** Settings that every process has. */
export const processSettings = (name: ProcessName) => ({
  PORT: port.default(defaultPorts[name]).describe("the public port; 0 picks a free one"),
  MANAGEMENT_PORT: port
    .default(defaultPorts[name] + MANAGEMENT_PORT_OFFSET)
    .describe("the port of /livez, /readyz and /metrics, never published"),
  LOG_LEVEL: z.enum(logLevels).default("info"),
});

/** Settings of those that verify access tokens. */
export const tokenSettings = {
  JWKS_URL: httpUrl
    .default(`http://localhost:${defaultPorts.user}/.well-known/jwks.json`)
    .describe("where the user service shows its keys, such as http://user:8001/.well-known/jwks.json"),
  TOKEN_ISSUER: z.string().default("order-delivery"),
  TOKEN_AUDIENCE: z.string().default("order-delivery"),
};

/** Settings of those that own a database. */
export const databaseSettings = {
  DATABASE_URL: z
    .url({ protocol: /^postgres(ql)?$/ })
    .describe("this service's own database, such as postgres://user:password@host:5432/name"),
  SEED_DEMO_DATA: flag.default(false),
};

/** Settings of those that take part in the messaging. */
export const messagingSettings = {
  KAFKA_BROKERS: commaSeparated.describe("host:port of one or more brokers, separated by commas"),
  KAFKA_PARTITIONS: wholeNumber(1, 1_000).default(6),
  KAFKA_REPLICATION_FACTOR: wholeNumber(1, 9).default(1),
  TOPIC_PREFIX: z
    .string()
    .regex(/^[A-Za-z0-9._-]*$/)
    .default(""),
};
