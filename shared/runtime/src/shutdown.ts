import type { Logger } from "./logger.ts";

/** A part of a process that must be told to stop. */
export interface Stoppable {
  readonly name: string;
  stop(): Promise<void>;
}

/**
 * Stops parts one after the other, in the given order: first what takes work in, then what finishes it, then what it needs.
 * A part that fails to stop is logged and the next one is still stopped.
 * @returns whether all stopped cleanly
 */
export async function stopInOrder(parts: readonly Stoppable[], logger: Logger): Promise<boolean> {
  let clean = true;
  for (const part of parts) {
    try {
      await part.stop();
    } catch (error) {
      clean = false;
      logger.error("STOP_PART_FAILED", `${part.name} did not stop cleanly`, { part: part.name, error });
    }
  }
  return clean;
}

/** The longest that a stop may take before the process leaves anyway; the contract allows 10 s. */
export const STOP_TIMEOUT_MS = 9_500;

/**
 * On SIGTERM or SIGINT runs `stop` once and leaves with 0, or with 1 when it failed or took longer than `timeoutMs`.
 * An uncaught error is logged and stops the process the same way, with 1: a process in an unknown state must not go on.
 */
export function stopOnSignal(stop: () => Promise<boolean>, logger: Logger, timeoutMs = STOP_TIMEOUT_MS): void {
  let stopping = false;
  const leave = async (reason: string, failed: boolean) => {
    if (stopping) return;
    stopping = true;
    logger.info("STOPPING", "stopping: finishing in-flight work", { reason });
    const timer = setTimeout(() => {
      logger.error("STOP_TIMED_OUT", "the stop timed out; exiting with in-flight work, which will be redelivered", {
        afterMs: timeoutMs,
      });
      process.exit(1);
    }, timeoutMs);
    const clean = await stop();
    clearTimeout(timer);
    logger.info("STOPPED", "stopped", { clean });
    process.exit(clean && !failed ? 0 : 1);
  };
  process.on("SIGTERM", () => void leave("SIGTERM", false));
  process.on("SIGINT", () => void leave("SIGINT", false));
  process.on("uncaughtException", (error) => {
    logger.error("UNCAUGHT_EXCEPTION", "uncaught exception; this process stops", { error });
    void leave("uncaughtException", true);
  });
  process.on("unhandledRejection", (error) => {
    logger.error("UNHANDLED_REJECTION", "unhandled promise rejection; this process stops", { error });
    void leave("unhandledRejection", true);
  });
}
