import type { Clock } from "@shop/runtime/clock";

/** Token buckets, one per key (a user's id or an address). */
export interface RateLimit {
  /** @returns 0 when the request may continue, else the milliseconds until one may */
  take(key: string): number;
}

interface RateLimitOptions {
  readonly clock: Clock;
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

export function createRateLimit({
  clock,
  perSecond = 100,
  burst = perSecond,
  maxKeys = 50_000,
}: RateLimitOptions): RateLimit {
  const buckets = new Map<string, Bucket>();
  return {
    take(key) {
      const nowMs = clock.elapsed();
      const bucket = buckets.get(key) ?? { tokens: burst, atMs: nowMs };
      const gained = ((nowMs - bucket.atMs) / 1000) * perSecond;
      bucket.tokens = Math.min(burst, bucket.tokens + gained);
      bucket.atMs = nowMs;
      buckets.delete(key);
      buckets.set(key, bucket);
      if (buckets.size > maxKeys) evictOldest(buckets);
      if (bucket.tokens < 1) return Math.ceil(((1 - bucket.tokens) / perSecond) * 1000);
      bucket.tokens -= 1;
      return 0;
    },
  };
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
