/** How long the saga may show no sign that it has heard of an order, or of a request to cancel it, in milliseconds, before it is told again. */
export const TELL_AGAIN_MS = 30_000;
const MAX_PAUSE_MS = 3_600_000;

/**
 * How long until the saga is told once more, in milliseconds: as long again as it has been silent, so that an orchestrator that is away finds few copies.
 * @param silentMs since the order was placed, or its cancel requested
 */
export function nextTellingMs(silentMs: number): number {
  return Math.min(MAX_PAUSE_MS, Math.max(TELL_AGAIN_MS, silentMs));
}
