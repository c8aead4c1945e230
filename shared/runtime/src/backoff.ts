/** Waits that grow: `firstMs`, doubled with each further attempt, at most `maxMs`. */
export interface Backoff {
  readonly firstMs: number;
  readonly maxMs: number;
}

/** Retries with exponential backoff: the first after `firstMs`, then after twice that, at most every `maxMs`, until `deadlineMs` has passed; null: for ever. */
export interface RetryPolicy extends Backoff {
  readonly deadlineMs: number | null;
}

/** @param attempt how often it has been tried, from 1 */
export function backoffMs({ firstMs, maxMs }: Backoff, attempt: number): number {
  return Math.min(maxMs, firstMs * 2 ** Math.min(attempt - 1, 30));
}
