import { systemClock } from "@shop/runtime/clock";
import { createLogger, type Logger, type LogLevel } from "@shop/runtime/logger";

/** A log line as it would have been written. */
export interface LogLine extends Readonly<Record<string, unknown>> {
  readonly level: LogLevel;
  readonly event: string;
  readonly message: string;
}

/** A logger, all levels on, whose lines stay in memory for a test to look at. */
export function capturedLogger(): { readonly logger: Logger; readonly lines: readonly LogLine[] } {
  const lines: LogLine[] = [];
  const logger = createLogger({
    service: "test",
    level: "debug",
    clock: systemClock,
    write: (line) => lines.push(JSON.parse(line)),
  });
  return { logger, lines };
}
