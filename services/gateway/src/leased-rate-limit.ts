import type { LocalRateLimit, RateLimit, Taken } from "@shop/http/auth/rate-limit";
import { backoffMs } from "@shop/runtime/backoff";
import type { Clock } from "@shop/runtime/clock";
import { errorText, ExplainedError } from "@shop/runtime/errors";
import { groupCommit } from "@shop/runtime/group-commit";
import type { Logger } from "@shop/runtime/logger";
import type { Lease, LeaseRequest } from "./db/rate-buckets.ts";

interface LeasedRateLimitOptions {
  /** Counts for this replica alone, for as long as the store is unavailable. */
  readonly local: LocalRateLimit;
  /** Takes tokens from the buckets that all replicas share. */
  readonly takeTokens: (requests: readonly LeaseRequest[]) => Promise<ReadonlyMap<string, Lease>>;
  /** Whether the store can be asked yet. */
  readonly isReady: () => boolean;
  readonly perSecond: number;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** Tokens that this replica has of one bucket. */
interface Held {
  tokens: number;
  /** What was left in the bucket when it was asked last. */
  left: number;
  /** Until then a bucket that was empty is not asked again. */
  emptyUntilMs: number;
  /** Tokens that nobody has used by then are gone: the bucket has gained as many. */
  endsAtMs: number;
  asked: Promise<void> | undefined;
  /** How many requests wait for a lease. */
  waiting: number;
}

/** So many leases are enough for a user who uses all of the limit, so each is a small part of it: another replica is not short of what this one holds. */
const LEASES_PER_SECOND = 20;
const LEASE_MS = 1_000;
/** How long a request waits for its lease: the store answers within a millisecond or two. */
const ANSWER_WITHIN_MS = 250;
const RETRY_BACKOFF = { firstMs: 500, maxMs: 5_000 };
/** Keys whose leases are kept; the one that was used longest ago goes first. */
const MAX_KEYS = 50_000;

/**
 * A limit that is right across replicas. Each takes tokens of a bucket that all of them share, some at once, and spends them by itself; it asks for
 * more before they are used up. So a caller waits for the store only with the first request of a while, and requests of many callers ask together.
 * While the store is unavailable each replica counts for itself: requests are neither refused nor held up for it.
 */
export function createLeasedRateLimit(options: LeasedRateLimitOptions): RateLimit {
  const { local, takeTokens, perSecond, clock, logger } = options;
  const size = Math.max(1, Math.ceil(perSecond / LEASES_PER_SECOND));
  const leases = new Map<string, Held>();
  // Requests that come while an answer is awaited ask together.
  const ask = groupCommit<LeaseRequest, Lease>({
    async run(requests) {
      const given = await withinTime(takeTokens(requests), clock);
      return requests.map((request) => given.get(request.key) ?? { granted: 0, left: 0 });
    },
    ...{ maxInFlight: 1, maxBatch: Number.POSITIVE_INFINITY, clock },
    // Each key asks once at a time, and for no longer than an answer may take.
    ...{ maxWaiting: Number.POSITIVE_INFINITY, maxWaitMs: Number.POSITIVE_INFINITY },
    isEveryonesFault: () => true,
    isHeldUp: () => false,
    nameOf: () => undefined,
  });
  let failures = 0;
  let askAgainAtMs = 0;

  function heldOf(key: string): Held {
    const held = leases.get(key) ?? {
      tokens: 0,
      left: local.quota,
      emptyUntilMs: 0,
      endsAtMs: 0,
      asked: undefined,
      waiting: 0,
    };
    leases.delete(key);
    leases.set(key, held);
    if (leases.size > MAX_KEYS) forgetOldest();
    return held;
  }

  /** But one for which the store is being asked: a bucket is asked for once in a statement. */
  function forgetOldest(): void {
    for (const [key, { asked }] of leases) {
      if (asked === undefined) return void leases.delete(key);
    }
  }

  /** Asks for a lease, once for all who wait for it. It never rejects. */
  function refill(key: string, held: Held): Promise<void> {
    const wanted = Math.min(local.quota, Math.max(size, held.waiting));
    held.asked ??= ask({ key: `${local.name} ${key}`, wanted })
      .then((lease) => take(held, lease), failed)
      .finally(() => (held.asked = undefined));
    return held.asked;
  }

  function take(held: Held, { granted, left }: Lease): void {
    const nowMs = clock.elapsed();
    if (failures > 0) logger.info("RATE_LIMIT_STORE_BACK", "the store of the rate limits answers again");
    failures = 0;
    held.tokens = (held.endsAtMs > nowMs ? held.tokens : 0) + granted;
    held.endsAtMs = nowMs + LEASE_MS;
    held.left = left;
    held.emptyUntilMs = granted === 0 ? nowMs + Math.ceil(1_000 / perSecond) : 0;
  }

  function failed(error: unknown): void {
    if (failures === 0)
      logger.warn(
        "RATE_LIMIT_STORE_UNAVAILABLE",
        "the store of the rate limits does not answer: each replica counts for itself",
        { reason: errorText(error) },
      );
    failures += 1;
    askAgainAtMs = clock.elapsed() + backoffMs(RETRY_BACKOFF, failures);
  }

  function spend(key: string, held: Held): Taken | undefined {
    const nowMs = clock.elapsed();
    if (held.endsAtMs <= nowMs || held.tokens < 1) return undefined;
    held.tokens -= 1;
    if (held.tokens < size / 2 && held.emptyUntilMs <= nowMs) void refill(key, held);
    return told(held, 0);
  }

  function told({ tokens, left }: Held, waitMs: number): Taken {
    const remaining = Math.min(local.quota, tokens + left);
    return { waitMs, remaining, resetSeconds: Math.ceil((local.quota - remaining) / perSecond) };
  }

  return {
    ...{ name: local.name, quota: local.quota, windowSeconds: local.windowSeconds },
    take(key) {
      if (!options.isReady()) return local.take(key);
      const held = heldOf(key);
      const spent = spend(key, held);
      if (spent !== undefined) return spent;
      const nowMs = clock.elapsed();
      if (failures > 0) {
        // Nobody waits for the try that finds out whether it is back.
        if (nowMs >= askAgainAtMs) void refill(key, held);
        return local.take(key);
      }
      if (held.emptyUntilMs > nowMs) return told({ ...held, tokens: 0, left: 0 }, held.emptyUntilMs - nowMs);
      return takeWhenAsked(key, held);
    },
  };

  /** Many may wait for the same lease: those for whom it was too small ask for another one, until the bucket is empty. */
  async function takeWhenAsked(key: string, held: Held): Promise<Taken> {
    held.waiting += 1;
    try {
      for (;;) {
        await refill(key, held);
        if (failures > 0) return local.take(key);
        const spent = spend(key, held);
        if (spent !== undefined) return spent;
        const waitMs = held.emptyUntilMs - clock.elapsed();
        if (waitMs > 0) return told({ ...held, tokens: 0, left: 0 }, waitMs);
      }
    } finally {
      held.waiting -= 1;
    }
  }
}

async function withinTime<Value>(answer: Promise<Value>, clock: Clock): Promise<Value> {
  const over = new AbortController();
  const late = clock.sleep(ANSWER_WITHIN_MS, over.signal).then(() => {
    throw new ExplainedError(`no answer within ${ANSWER_WITHIN_MS} ms`);
  });
  try {
    return await Promise.race([answer, late]);
  } finally {
    over.abort();
    late.catch(() => undefined);
    answer.catch(() => undefined);
  }
}
