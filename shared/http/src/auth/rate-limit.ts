import { isIP } from "node:net";
import type { Clock } from "@shop/runtime/clock";

/** What a limit counts by; the name of its policy in the answers. */
export type RateLimitName = "user" | "address";

/** What came of one request. */
export interface Taken {
  /** 0 when the request may continue, else the milliseconds until one may. */
  readonly waitMs: number;
  /** How many more may come at once. */
  readonly remaining: number;
  /** The seconds until all of the quota is there again. */
  readonly resetSeconds: number;
}

/** Token buckets, one per key (a user's id or an address). */
export interface RateLimit {
  readonly name: RateLimitName;
  /** What a full bucket holds. */
  readonly quota: number;
  /** In how many seconds an empty bucket is full. */
  readonly windowSeconds: number;
  take(key: string): Taken | Promise<Taken>;
}

/** A limit that asks nobody. */
export interface LocalRateLimit extends RateLimit {
  take(key: string): Taken;
}

interface RateLimitOptions {
  readonly clock: Clock;
  /** `user` by default. */
  readonly name?: RateLimitName;
  /** How many requests a second a bucket gains; the contract's default is 100. */
  readonly perSecond?: number;
  /** How many a full bucket holds. */
  readonly burst?: number;
  /** Buckets kept at most; the one that was used longest ago goes first, and it is the fullest. */
  readonly maxKeys?: number;
}

interface Bucket {
  tokens: number;
  atMs: number;
}

/** The fields `RateLimit-Policy` and `RateLimit` (draft-ietf-httpapi-ratelimit-headers-10) of the limits that a request was counted by. */
export interface RateLimitFields {
  readonly policy: string;
  readonly limit: string;
}

export function rateLimitFields(limit: RateLimit, taken: Taken, before: RateLimitFields | undefined): RateLimitFields {
  const policy = `"${limit.name}";q=${limit.quota};w=${limit.windowSeconds}`;
  const left = `"${limit.name}";r=${taken.remaining};t=${taken.resetSeconds}`;
  return before === undefined
    ? { policy, limit: left }
    : { policy: `${before.policy}, ${policy}`, limit: `${before.limit}, ${left}` };
}

export function createRateLimit({
  clock,
  name = "user",
  perSecond = 100,
  burst = perSecond,
  maxKeys = 50_000,
}: RateLimitOptions): LocalRateLimit {
  const buckets = new Map<string, Bucket>();
  return {
    ...{ name, quota: burst, windowSeconds: Math.ceil(burst / perSecond) },
    take(key) {
      const nowMs = clock.elapsed();
      const bucket = buckets.get(key) ?? { tokens: burst, atMs: nowMs };
      const gained = ((nowMs - bucket.atMs) / 1000) * perSecond;
      bucket.tokens = Math.min(burst, bucket.tokens + gained);
      bucket.atMs = nowMs;
      buckets.delete(key);
      buckets.set(key, bucket);
      if (buckets.size > maxKeys) evictOldest(buckets);
      const waitMs = bucket.tokens < 1 ? Math.ceil(((1 - bucket.tokens) / perSecond) * 1000) : 0;
      if (waitMs === 0) bucket.tokens -= 1;
      const resetSeconds = Math.ceil((burst - bucket.tokens) / perSecond);
      return { waitMs, remaining: Math.floor(bucket.tokens), resetSeconds };
    },
  };
}

/**
 * What an address is counted by: an IPv6 host has a whole network of 64 bits to choose addresses from, so that network is one client.
 * @param address of IPv4 or IPv6
 */
export function addressKey(address: string): string {
  if (isIP(address) !== 6) return address;
  const [canonical = ""] = new URL(`http://[${address.split("%", 1)[0]}]`).hostname.slice(1, -1).split("%");
  const [head = "", tail] = canonical.split("::");
  const first = head === "" ? [] : head.split(":");
  const last = tail === undefined || tail === "" ? [] : tail.split(":");
  const zeros = Array.from({ length: 8 - first.length - last.length }, () => "0");
  return `${[...first, ...zeros, ...last].slice(0, 4).join(":")}::/64`;
}

function evictOldest(buckets: Map<string, Bucket>): void {
  for (const key of buckets.keys()) {
    buckets.delete(key);
    return;
  }
}

/**
 * The client's address behind trusted proxies: each of them appended the address it saw to `X-Forwarded-For`,
 * so the last `trustedProxies` entries are true and what stands before them is the client's own claim.
 * @returns undefined when there are fewer entries than trusted proxies
 */
export function forwardedAddress(headers: Headers, trustedProxies: number): string | undefined {
  const addresses = (headers.get("x-forwarded-for") ?? "").split(",").map((address) => address.trim());
  const address = trustedProxies > 0 ? addresses.at(-trustedProxies) : undefined;
  return address === "" ? undefined : address;
}
