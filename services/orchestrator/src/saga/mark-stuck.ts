import type { Advanced } from "./advance.ts";
import type { SagaState } from "./state.ts";

/** How soon a saga that cannot go on is retried, in milliseconds: a release that can may be there by then. */
const TRY_AGAIN_MS = 60_000;

/**
 * What becomes of a saga that an event cannot be applied to, because its stored data or the definition is at fault: it is stuck, shown to an
 * operator, and retried every minute. The event is dropped: once the saga works again it retries its command, and the participant replies again.
 * @param message the type of the message that came; null for a timer
 * @param problem what went wrong, in words
 */
export function markStuck<Data, Reason extends string>(
  state: SagaState<Data, Reason>,
  message: string | null,
  problem: string,
  now: number,
): Advanced<Data, Reason> {
  const { step, stuckSince, revision } = state;
  return {
    state: { ...state, stuckSince: stuckSince ?? now, nextAttemptAt: now + TRY_AGAIN_MS, revision: revision + 1 },
    send: [],
    history: stuckSince === null ? [{ at: now, step, message, detail: `stuck: it cannot go on: ${problem}` }] : [],
  };
}
