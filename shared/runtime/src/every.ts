import type { Clock } from "./clock.ts";

/** A pause in milliseconds, or one that follows from how many milliseconds the run took: so that work takes at most a share of the time. */
type Interval = number | ((tookMs: number) => number);

/**
 * Polls: runs `work`, pauses, and runs it again until `signal` is aborted. A run is never cut short, and a run that fails is repeated after the pause.
 * @param interval the pause between the end of a run and the begin of the next one
 * @param work may give another pause for this once, in milliseconds: 0 when it has left something to do
 * @param onFailure is told what a run threw
 */
export async function every(
  interval: Interval,
  { clock, signal }: { readonly clock: Clock; readonly signal: AbortSignal },
  work: () => Promise<number | void>,
  onFailure: (error: unknown) => void,
): Promise<void> {
  while (!signal.aborted) {
    const beganAt = clock.elapsed();
    let pauseMs: number | void = undefined;
    try {
      pauseMs = await work();
    } catch (error) {
      onFailure(error);
    }
    pauseMs ??= typeof interval === "number" ? interval : interval(clock.elapsed() - beganAt);
    if (pauseMs > 0) await clock.sleep(pauseMs, signal);
  }
}
