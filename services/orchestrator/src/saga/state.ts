import type { EngineReason } from "./definition.ts";

/** Whether a saga goes forward, compensates, or has ended. Whether it is stuck is separate: `stuckSince`. */
export type SagaDirection = "RUNNING" | "COMPENSATING" | "COMPLETE" | "CANCELLED";

/** A saga as it is stored. Times are milliseconds since the epoch. */
export interface SagaState<Data, Reason extends string> {
  readonly id: string;
  /** What it is about: the key of its messages, such as an order's id. */
  readonly key: string;
  readonly definition: string;
  readonly version: number;
  readonly status: SagaDirection;
  /** The step or compensation that is under way, or the last one. */
  readonly step: string;
  readonly data: Data;
  /** Why it is compensated; null while it goes forward. */
  readonly reason: Reason | EngineReason | null;
  /** How often the step's command has been sent. */
  readonly attempts: number;
  /** When the command is retried; null when nothing is awaited. */
  readonly nextAttemptAt: number | null;
  /** The step's deadline; null when it has none. */
  readonly deadline: number | null;
  readonly stuckSince: number | null;
  /** The trace that began it. */
  readonly traceparent: string | null;
  /** Grows with each change: the optimistic lock. */
  readonly revision: number;
}

export interface HistoryEntry {
  readonly at: number;
  readonly step: string;
  /** The type of the message that came; null for a timer or an admin. */
  readonly message: string | null;
  readonly detail: string;
  /** It is counted in the last entry when that is of the same step and its detail has the same words before the colon. */
  readonly isCounted?: true;
}

export function hasEnded(state: Pick<SagaState<unknown, string>, "status">): boolean {
  return state.status === "COMPLETE" || state.status === "CANCELLED";
}
