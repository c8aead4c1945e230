/** The window in which failed logins for a name are counted, in milliseconds. */
export const FAILURE_WINDOW_MS = 60_000;
export const MAX_FAILURES = 10;
/** Far longer than it takes to compare a password once its turn has come, in milliseconds. */
const COMPARED_WITHIN_MS = 5_000;

/**
 * How long a name is closed for logins.
 * @param newestFailures when its newest failures happened, the newest first; an attempt whose outcome is not known yet is one
 * @returns 0 when a login may be tried, else the milliseconds until the tenth newest failure leaves the window
 */
export function throttledForMs(newestFailures: readonly Date[], nowMs: number): number {
  const tenth = newestFailures[MAX_FAILURES - 1];
  return tenth === undefined ? 0 : Math.max(0, tenth.getTime() + FAILURE_WINDOW_MS - nowMs);
}

/** Whether the outcome of all attempts is known by now, at whichever replica they were made; the newest comes first. */
export function areSettled([newest]: readonly Date[], nowMs: number): boolean {
  return newest === undefined || nowMs - newest.getTime() > COMPARED_WITHIN_MS;
}
