export interface EventuallyOptions {
  /** How long the assertion may go on failing; by default 60 s, several times what a slow machine needs: it ends what hangs and measures nothing. */
  readonly deadlineMs?: number;
  /** The pause between two tries; 20 ms by default. */
  readonly pauseMs?: number;
}

/**
 * Tries an assertion until it passes: for what another process or a background loop brings about. A test waits with this, never by sleeping.
 * @returns what the assertion returned
 * @throws what the assertion threw last, once the deadline has passed
 */
export async function eventually<Result>(
  assertion: () => Result | Promise<Result>,
  { deadlineMs = 60_000, pauseMs = 20 }: EventuallyOptions = {},
): Promise<Result> {
  const deadline = performance.now() + deadlineMs;
  for (;;) {
    try {
      return await assertion();
    } catch (error) {
      if (performance.now() + pauseMs > deadline) throw error;
    }
    await Bun.sleep(pauseMs);
  }
}
