import type { Process } from "./process.ts";

/**
 * What befalls one thing that a process asks of the database or the broker. `refused`: it is not done, and the process hears so. `unanswered`:
 * it is done, and the process hears that it failed. `crash before` and `crash after`: the process ends before it is done, or after.
 */
export type Fate = "nothing" | "refused" | "unanswered" | "crash before" | "crash after";

export type Asked = "statement" | "begin" | "commit" | "publish" | "commit offsets" | "batch";

/** Who decides what goes wrong. */
export interface FaultInjector {
  fateOf(process: Process, asked: Asked): Fate;
  /** By how much a record comes late in its partition, in simulated milliseconds, so that others overtake it; 0 for not at all. */
  lateByMs(): number;
  /** How long something is under way, in simulated milliseconds. */
  latencyMs(): number;
}
