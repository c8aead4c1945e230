/** How long the saga may leave an order, or a request to cancel it, without any sign of progress, in milliseconds, before the message is republished. */
export const REPUBLISH_AFTER_MS = 30_000;
const MAX_PAUSE_MS = 3_600_000;

/**
 * How long until the message is republished, in milliseconds: as long again as the saga has been silent (exponential backoff), so that an orchestrator that was down finds few copies.
 * @param silentMs since the order was placed, or its cancel requested
 */
export function nextRepublishMs(silentMs: number): number {
  return Math.min(MAX_PAUSE_MS, Math.max(REPUBLISH_AFTER_MS, silentMs));
}
