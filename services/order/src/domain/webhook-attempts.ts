import { backoffMs, type RetryPolicy } from "@shop/runtime/backoff";

const SECOND = 1_000;
const HOUR = 3_600 * SECOND;

/** A receiver that is restarted is back within seconds, one that is repaired within a day. */
const webhookPolicy: RetryPolicy = { firstMs: 5 * SECOND, maxMs: HOUR, deadlineMs: 24 * HOUR };

export interface Attempt {
  /** How often it has been tried, from 1. */
  readonly attempts: number;
  /** When it was first tried, in milliseconds since the epoch. */
  readonly firstAt: number;
  readonly now: number;
  /** The header `Retry-After` of the answer. */
  readonly retryAfter: string | undefined;
}

/**
 * When an attempt that failed is repeated, in milliseconds since the epoch; null when it is given up. A receiver that says when to come again gets
 * that long, up to the policy's longest wait.
 */
export function nextAttemptAt({ attempts, firstAt, now, retryAfter }: Attempt, policy = webhookPolicy): number | null {
  const next = now + Math.min(policy.maxMs, Math.max(backoffMs(policy, attempts), waitOf(retryAfter, now)));
  return policy.deadlineMs !== null && next > firstAt + policy.deadlineMs ? null : next;
}

/** How long a `Retry-After` asks to wait, in milliseconds: seconds, or a date (RFC 9110, section 10.2.3). 0 for anything else. */
function waitOf(retryAfter: string | undefined, now: number): number {
  if (retryAfter === undefined) return 0;
  if (/^\d{1,9}$/.test(retryAfter)) return Number(retryAfter) * SECOND;
  const at = Date.parse(retryAfter);
  return Number.isNaN(at) ? 0 : Math.max(0, at - now);
}
