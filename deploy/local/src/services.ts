import type { ProcessName } from "@shop/contracts/ports";

export type ServiceName = ProcessName;

/**
 * How many requests a process that forwards may have under way at once. Bun reads it when it starts, and its default of 256 is soon reached
 * by slow answers.
 */
const MAX_FORWARDED_REQUESTS = "16384";

export const serviceNames: readonly ServiceName[] = [
  "user",
  "order",
  "product",
  "delivery",
  "orchestrator",
  "gateway",
  "frontend",
];
/** Each owns a database of its name. */
export const databaseOwners: readonly ServiceName[] = ["user", "order", "product", "delivery", "orchestrator"];

interface Environment {
  /** Each with the role that owns the tables. */
  readonly databaseUrls: ReadonlyMap<string, string>;
  /** Each with the role that the service works with. */
  readonly runTimeDatabaseUrls: ReadonlyMap<string, string>;
  readonly kafkaBrokers: string;
  /** Where each service is reached: a balancer, or each of its replicas. */
  readonly urls: ReadonlyMap<ServiceName, readonly string[]>;
}

/** The settings that tell a service where the others are: only of those it has to do with. */
export function environmentOf(
  name: ServiceName,
  { databaseUrls, runTimeDatabaseUrls, kafkaBrokers, urls }: Environment,
): Record<string, string> {
  const url = (other: ServiceName, path = "") => (urls.get(other) ?? []).map((base) => base + path).join(",");
  const jwks = { JWKS_URL: url("user", "/.well-known/jwks.json") };
  const database = {
    DATABASE_URL: runTimeDatabaseUrls.get(name) ?? "",
    MIGRATION_DATABASE_URL: databaseUrls.get(name) ?? "",
  };
  switch (name) {
    case "frontend":
      return { GATEWAY_URL: url("gateway"), BUN_CONFIG_MAX_HTTP_REQUESTS: MAX_FORWARDED_REQUESTS };
    case "gateway":
      return {
        ...jwks,
        BUN_CONFIG_MAX_HTTP_REQUESTS: MAX_FORWARDED_REQUESTS,
        USER_URL: url("user"),
        ORDER_URL: url("order"),
        PRODUCT_URL: url("product"),
        DELIVERY_URL: url("delivery"),
        ORCHESTRATOR_URL: url("orchestrator"),
      };
    case "user":
      return { ...jwks, ...database };
    case "order":
      return {
        ...jwks,
        ...database,
        KAFKA_BROKERS: kafkaBrokers,
        // A receiver of webhooks that is tried out runs on the same machine.
        WEBHOOK_ALLOWED_NETWORKS: "127.0.0.0/8,::1/128",
      };
    case "product":
    case "delivery":
    case "orchestrator":
      return { ...jwks, ...database, KAFKA_BROKERS: kafkaBrokers };
    default:
      return name satisfies never;
  }
}
