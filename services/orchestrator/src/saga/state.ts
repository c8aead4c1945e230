import type { SagaStep } from "@shop/contracts/http/saga";
import type { CancelReason } from "@shop/contracts/primitives";

/** Where a saga goes: forward, back, or nowhere any more. Whether it is stuck on its way is a matter of its own, `stuckSince`. */
export type SagaDirection = "RUNNING" | "COMPENSATING" | "COMPLETE" | "CANCELLED";

/** A saga as it is stored. Times are milliseconds since the epoch. */
export interface SagaState<Data> {
  readonly id: string;
  readonly orderId: string;
  readonly definition: string;
  readonly version: number;
  readonly status: SagaDirection;
  /** The step or compensation that is under way, or the last one. */
  readonly step: SagaStep;
  readonly data: Data;
  /** Why it is compensated; null while it goes forward. */
  readonly reason: CancelReason | null;
  /** How often the step's command has been sent. */
  readonly attempts: number;
  /** When the command is to be sent again; null when nothing is awaited any more. */
  readonly nextAttemptAt: number | null;
  /** When the step's retryPolicy ends; null when it never does. */
  readonly deadline: number | null;
  readonly stuckSince: number | null;
  /** The trace that began it. */
  readonly traceparent: string | null;
  /** Grows with each change: the optimistic lock. */
  readonly revision: number;
}

export interface HistoryEntry {
  readonly at: number;
  readonly step: SagaStep;
  /** The type of the message that came; null for a timer or an admin. */
  readonly message: string | null;
  readonly detail: string;
  /** It is counted in the last entry when that is of the same step and its detail has the same words before the colon. */
  readonly isCounted?: true;
}

export function hasEnded(state: Pick<SagaState<unknown>, "status">): boolean {
  return state.status === "COMPLETE" || state.status === "CANCELLED";
}
