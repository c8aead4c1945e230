import { type ProcessName, processNames, serviceNames, services } from "@shop/contracts/services";

/**
 * How many requests a process that forwards may have under way at once. Bun reads it when it starts, and its default of 256 is soon reached
 * by slow answers.
 */
const MAX_FORWARDED_REQUESTS = "16384";

/** Every process, the innermost first: the services, and then those that forward to them. */
export const innermostFirst: readonly ProcessName[] = [
  ...serviceNames,
  ...processNames.filter((name) => services[name].database === null).toReversed(),
];

interface Environment {
  /** Each with the role that owns the tables. */
  readonly databaseUrls: ReadonlyMap<string, string>;
  /** Each with the role that the service works with. */
  readonly runTimeDatabaseUrls: ReadonlyMap<string, string>;
  readonly kafkaBrokers: string;
  /** Where each service is reached: a balancer, or each of its replicas. */
  readonly urls: ReadonlyMap<ProcessName, readonly string[]>;
}

/** The settings that tell a service where the others are: only of those it has to do with. */
export function environmentOf(
  name: ProcessName,
  { databaseUrls, runTimeDatabaseUrls, kafkaBrokers, urls }: Environment,
): Record<string, string> {
  const url = (other: ProcessName, path = "") => (urls.get(other) ?? []).map((base) => base + path).join(",");
  const jwks = { JWKS_URL: url("user", "/.well-known/jwks.json") };
  const database = {
    DATABASE_URL: runTimeDatabaseUrls.get(name) ?? "",
    MIGRATION_DATABASE_URL: databaseUrls.get(name) ?? "",
  };
  const forwards = { BUN_CONFIG_MAX_HTTP_REQUESTS: MAX_FORWARDED_REQUESTS };
  if (name === "frontend") return { ...forwards, GATEWAY_URL: url("gateway") };
  if (name === "gateway") {
    const addresses = serviceNames.map((other) => [`${other.toUpperCase()}_URL`, url(other)]);
    return { ...jwks, ...forwards, ...(Object.fromEntries(addresses) as Record<string, string>) };
  }
  return {
    ...jwks,
    ...database,
    ...(services[name].topics === null ? {} : { KAFKA_BROKERS: kafkaBrokers }),
    // A receiver of webhooks that is tried out runs on the same machine.
    ...(name === "order" ? { WEBHOOK_ALLOWED_NETWORKS: "127.0.0.0/8,::1/128" } : {}),
  };
}
