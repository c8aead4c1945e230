import { services, MANAGEMENT_PORT_OFFSET, type ProcessName } from "@shop/contracts/services";
import { objectionToAddress } from "@shop/database/client";
import { defaultStreamLimits, type StreamLimits } from "@shop/http/streaming/stream-permits";
import type { KafkaSecurity } from "@shop/messaging/kafka/client/security";
import { flag, hostsAndPorts, httpUrls, port, type SettingRule, wholeNumber } from "@shop/runtime/config";
import { logFormats } from "@shop/runtime/log-text";
import { logLevels } from "@shop/runtime/logger";
import { z } from "zod";
import { tracingSettings } from "./tracing.ts";

/** Settings that every process has. */
export const processSettings = (name: ProcessName) => ({
  PORT: port.default(services[name].port).describe("the public port; 0 picks a free one"),
  MANAGEMENT_PORT: port
    .default(services[name].port + MANAGEMENT_PORT_OFFSET)
    .describe("the port of /livez, /readyz and /metrics, never published"),
  LOG_LEVEL: z.enum(logLevels).default("info"),
  LOG_FORMAT: z.enum(logFormats).optional().describe("by default text at a terminal, else json"),
  NO_COLOR: z.string().optional().describe("anything turns the colours of log lines off"),
  ACCESS_LOG: flag.default(false).describe("whether each request has a line in the log"),
  DRAIN_MS: wholeNumber(0, 8_000)
    .default(2_000)
    .describe("how long a process that stops goes on answering, until whoever sends it calls has noticed"),
  RELEASE: z.string().max(100).default("unreleased").describe("what this was built as; shown to operators"),
  ...tracingSettings,
});

/** Settings of those that hold event streams open. */
export const streamSettings = {
  MAX_EVENT_STREAMS: wholeNumber(1, 1_000_000)
    .default(defaultStreamLimits.perProcess)
    .describe("event streams that are open in this process at once; more need more memory"),
  MAX_EVENT_STREAMS_PER_USER: wholeNumber(1, 1_000_000).default(defaultStreamLimits.perUser),
  MAX_EVENT_STREAMS_PER_ORDER: wholeNumber(1, 1_000_000)
    .default(defaultStreamLimits.perThing)
    .describe("of one user for the same order"),
};

/** How many event streams the settings allow. */
export function streamLimits(config: z.infer<z.ZodObject<typeof streamSettings>>): StreamLimits {
  return {
    perProcess: config.MAX_EVENT_STREAMS,
    perUser: config.MAX_EVENT_STREAMS_PER_USER,
    perThing: config.MAX_EVENT_STREAMS_PER_ORDER,
  };
}

/** Settings of those that verify access tokens. */
export const tokenSettings = {
  JWKS_URL: httpUrls
    .default([`http://localhost:${services.user.port}/.well-known/jwks.json`])
    .describe("where the user service shows its keys, such as http://user:8001/.well-known/jwks.json"),
  TOKEN_ISSUER: z.string().default("order-delivery"),
  TOKEN_AUDIENCE: z.string().default("order-delivery"),
};

const certificate = z.string().includes("-----BEGIN CERTIFICATE-----", { message: "must be certificates as PEM" });

/** What ends like this is a password that everyone can read in compose.yaml. */
const DEVELOPMENT_PASSWORD = /-development$/;

/** The setting ENVIRONMENT. */
export const environment = z
  .enum(["development", "production"])
  .default("development")
  .describe("production refuses demo data, the passwords of compose.yaml and cookies over plain http");

/** Settings of those that own a database. */
export const databaseSettings = {
  ENVIRONMENT: environment,
  DATABASE_URL: z
    .url({ protocol: /^postgres(ql)?$/ })
    .describe("this service's own database, such as postgres://user:password@host:5432/name"),
  MIGRATION_DATABASE_URL: z
    .url({ protocol: /^postgres(ql)?$/ })
    .optional()
    .describe("the same database with the role that owns its tables, for migrations; by default as DATABASE_URL"),
  MIGRATE_AT_START: flag.default(true),
  SEED_DEMO_DATA: flag.default(false),
  AUDIT_TRAIL_DAYS: wholeNumber(401, 36_500)
    .optional()
    .describe("how long entries of the audit trail are kept; for ever when it is not set"),
};

type DatabaseConfig = Pick<
  z.infer<z.ZodObject<typeof databaseSettings>>,
  "ENVIRONMENT" | "DATABASE_URL" | "MIGRATION_DATABASE_URL" | "SEED_DEMO_DATA"
>;

/** What makes a development system out of one that says it is in production. */
export const databaseRules: readonly SettingRule<DatabaseConfig>[] = [
  ({ ENVIRONMENT, SEED_DEMO_DATA }) =>
    ENVIRONMENT === "production" && SEED_DEMO_DATA
      ? "SEED_DEMO_DATA is true in production: it makes users whose passwords everyone knows. Set it to false, or ENVIRONMENT to development"
      : undefined,
  ...(["DATABASE_URL", "MIGRATION_DATABASE_URL"] as const).flatMap((name): SettingRule<DatabaseConfig>[] => [
    ({ ENVIRONMENT, [name]: url }) =>
      ENVIRONMENT === "production" && url !== undefined && DEVELOPMENT_PASSWORD.test(new URL(url).password)
        ? `${name} has a password of development in production: give the database one of its own, or set ENVIRONMENT to development`
        : undefined,
    ({ [name]: url }) => {
      const objection = url === undefined ? undefined : objectionToAddress(url);
      return objection === undefined ? undefined : `${name} ${objection}`;
    },
  ]),
];

/** Settings of those that take part in the messaging. */
export const messagingSettings = {
  KAFKA_BROKERS: hostsAndPorts.describe("host:port of one or more brokers, separated by commas"),
  KAFKA_TLS: flag.default(false),
  KAFKA_TLS_CA: certificate
    .optional()
    .describe("the certificates to trust instead of the system's; KAFKA_TLS_CA_FILE names a file"),
  KAFKA_TLS_CERTIFICATE: certificate.optional().describe("this client's own; KAFKA_TLS_CERTIFICATE_FILE names a file"),
  KAFKA_TLS_KEY: z
    .string()
    .includes("PRIVATE KEY-----", { message: "must be a private key as PEM" })
    .optional()
    .describe("of this client's certificate; KAFKA_TLS_KEY_FILE names a file"),
  KAFKA_SASL_MECHANISM: z
    .enum(["scram-sha-512", "plain"])
    .default("scram-sha-512")
    .describe("plain shows the password to who can read the connection: use it with TLS, or in a network of one's own"),
  KAFKA_SASL_USERNAME: z.string().optional().describe("this service's name at Kafka"),
  KAFKA_SASL_PASSWORD: z.string().optional().describe("KAFKA_SASL_PASSWORD_FILE names a file"),
  KAFKA_PARTITIONS: wholeNumber(1, 1_000).default(6),
  KAFKA_REPLICATION_FACTOR: wholeNumber(1, 9).default(1),
  SETTLED_DEAD_LETTER_DAYS: wholeNumber(14, 3_650)
    .default(30)
    .describe("how long dead letters are kept after they were settled; the others stay until they are"),
  TOPIC_PREFIX: z
    .string()
    .regex(/^[A-Za-z0-9._-]*$/)
    .default(""),
};

type MessagingConfig = z.infer<z.ZodObject<typeof messagingSettings>>;

/** What would leave a connection to Kafka less protected than its settings look. */
export const messagingRules: readonly SettingRule<MessagingConfig & Partial<Pick<DatabaseConfig, "ENVIRONMENT">>>[] = [
  ({ ENVIRONMENT, KAFKA_SASL_PASSWORD }) =>
    ENVIRONMENT === "production" && DEVELOPMENT_PASSWORD.test(KAFKA_SASL_PASSWORD ?? "")
      ? "KAFKA_SASL_PASSWORD is a password of development in production: give this service one of its own, or set ENVIRONMENT to development"
      : undefined,
  ({ KAFKA_SASL_USERNAME, KAFKA_SASL_PASSWORD }) =>
    (KAFKA_SASL_USERNAME === undefined) === (KAFKA_SASL_PASSWORD === undefined)
      ? undefined
      : "KAFKA_SASL_USERNAME and KAFKA_SASL_PASSWORD belong together: set both, or none",
  ({ KAFKA_TLS_CERTIFICATE, KAFKA_TLS_KEY }) =>
    (KAFKA_TLS_CERTIFICATE === undefined) === (KAFKA_TLS_KEY === undefined)
      ? undefined
      : "KAFKA_TLS_CERTIFICATE and KAFKA_TLS_KEY belong together: set both, or none",
  ({ KAFKA_TLS, KAFKA_TLS_CA, KAFKA_TLS_CERTIFICATE }) =>
    !KAFKA_TLS && (KAFKA_TLS_CA ?? KAFKA_TLS_CERTIFICATE) !== undefined
      ? "KAFKA_TLS_CA and KAFKA_TLS_CERTIFICATE are of no use without KAFKA_TLS=true: set it"
      : undefined,
];

/** How the settings ask to connect to Kafka. */
export function kafkaSecurity(config: MessagingConfig): KafkaSecurity {
  const { KAFKA_SASL_MECHANISM: mechanism, KAFKA_SASL_USERNAME: username, KAFKA_SASL_PASSWORD: password } = config;
  const { KAFKA_TLS_CA: ca, KAFKA_TLS_CERTIFICATE, KAFKA_TLS_KEY: key } = config;
  return {
    ...(config.KAFKA_TLS && { tls: { ca, certificate: KAFKA_TLS_CERTIFICATE, key } }),
    ...(username !== undefined && password !== undefined && { sasl: { mechanism, username, password } }),
  };
}
