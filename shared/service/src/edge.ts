import type { AppOptions } from "@shop/http/server/app";
import { addressKey, createRateLimit, type RateLimit, type RateLimitName } from "@shop/http/auth/rate-limit";
import { addressAtEdge } from "@shop/http/server/client-address";
import type { Clock } from "@shop/runtime/clock";
import { wholeNumber } from "@shop/runtime/config";
import type { Logger } from "@shop/runtime/logger";

/** Settings of those that clients reach and that call services for them. */
export const edgeSettings = {
  TRUSTED_PROXIES: wholeNumber(0, 10)
    .default(0)
    .describe("how many proxies in front append the address they saw to X-Forwarded-For; 0: no limit per address"),
  RATE_LIMIT_PER_ADDRESS_PER_SECOND: wholeNumber(0, 1_000_000).default(100).describe("0: no limit per address"),
  /** Bun reads it by itself, at its start: how many requests a process has under way, all others wait. */
  BUN_CONFIG_MAX_HTTP_REQUESTS: wholeNumber(1, 65_535).default(256),
};

interface EdgeConfig {
  readonly TRUSTED_PROXIES: number;
  readonly RATE_LIMIT_PER_ADDRESS_PER_SECOND: number;
  readonly BUN_CONFIG_MAX_HTTP_REQUESTS: number;
}

/** Makes a limit by its name and its rate. */
type Limits = (name: RateLimitName, perSecond: number) => RateLimit;

/** Limits by which this process counts for itself. */
export const ownLimits =
  (clock: Clock): Limits =>
  (name, perSecond) =>
    createRateLimit({ clock, name, perSecond });

/** How the client's address is known, and the limit per address, which needs a proxy in front that tells the address; none without. */
export function addressRules(
  config: EdgeConfig,
  limits: Limits,
): Pick<AppOptions, "addressRateLimit" | "clientAddress"> {
  const { TRUSTED_PROXIES: trustedProxies, RATE_LIMIT_PER_ADDRESS_PER_SECOND: perSecond } = config;
  const clientAddress = addressAtEdge(trustedProxies);
  if (trustedProxies === 0 || perSecond === 0) return { clientAddress };
  const limit = limits("address", perSecond);
  const addressOf: AddressOf = (c) => {
    const address = clientAddress(c.req.raw.headers, () => undefined);
    return address === undefined ? undefined : addressKey(address);
  };
  return { clientAddress, addressRateLimit: { limit, addressOf } };
}

type AddressOf = NonNullable<AppOptions["addressRateLimit"]>["addressOf"];

/** Fewer than this are used up by event streams, or by one service that hangs. */
const ENOUGH_REQUESTS = 2_048;

/** Tells the operator when Bun's own limit of requests under way is still its small default. */
export function warnOfFewRequests({ BUN_CONFIG_MAX_HTTP_REQUESTS: maxRequests }: EdgeConfig, logger: Logger): void {
  if (maxRequests >= ENOUGH_REQUESTS) return;
  logger.warn("REQUEST_LIMIT_LOW", "few concurrent requests are allowed: set BUN_CONFIG_MAX_HTTP_REQUESTS=16384", {
    maxRequests,
  });
}
