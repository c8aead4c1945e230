/**
 * How long a step of the order's saga before the wait for the rider may take, in milliseconds, before the order is cancelled as TIMED_OUT. The orchestrator
 * keeps to it, and the order service tells customers of it without asking: a participant that is down is back within minutes, or it is a long outage.
 */
export const STEP_DEADLINE_MS = 600_000;
