/** The window in which failed logins for a name are counted, in milliseconds. */
export const FAILURE_WINDOW_MS = 60_000;
export const MAX_FAILURES = 10;

/**
 * How long a name is closed for logins.
 * @param newestFailures when its newest failures within the window happened, the newest first
 * @returns 0 when a login may be tried, else the milliseconds until the tenth newest failure leaves the window
 */
export function throttledForMs(newestFailures: readonly Date[], nowMs: number): number {
  const tenth = newestFailures[MAX_FAILURES - 1];
  return tenth === undefined ? 0 : Math.max(0, tenth.getTime() + FAILURE_WINDOW_MS - nowMs);
}
