import type { Clock } from "./clock.ts";
import { describeError } from "./errors.ts";

export const logLevels = ["debug", "info", "warn", "error"] as const;
export type LogLevel = (typeof logLevels)[number];

/**
 * Facts beside a log line's sentence. Of an error only what `describeError` tells is written, without any value; in a line of level `error`, which is
 * about what should not happen, also its stack.
 */
export type LogFields = Readonly<Record<string, unknown>> & { readonly event?: never; readonly message?: never };

/** What happened, as a code that stays when the sentence is reworded: alerts and docs/failure-modes.md go by it. */
export type EventCode = Uppercase<string>;

/** Writes one JSON object a line. The message is a sentence that an operator can act on; what varies goes into the fields. */
export interface Logger {
  debug(event: EventCode, message: string, fields?: LogFields): void;
  info(event: EventCode, message: string, fields?: LogFields): void;
  warn(event: EventCode, message: string, fields?: LogFields): void;
  error(event: EventCode, message: string, fields?: LogFields): void;
  /** A logger that adds these fields to each of its lines. */
  with(fields: LogFields): Logger;
}

interface LoggerOptions {
  readonly service: string;
  readonly level: LogLevel;
  readonly clock: Clock;
  /** Where a finished line goes; standard output by default. */
  readonly write?: (line: string) => void;
}

export function createLogger({ service, level, clock, write = writeToStdout }: LoggerOptions): Logger {
  const threshold = logLevels.indexOf(level);

  function build(bound: LogFields): Logger {
    const log =
      (lineLevel: LogLevel) =>
      (event: EventCode, message: string, fields: LogFields = {}) => {
        if (logLevels.indexOf(lineLevel) < threshold) return;
        const time = new Date(clock.now()).toISOString();
        const line = { time, level: lineLevel, service, event, message, ...bound, ...fields };
        write(JSON.stringify(line, lineLevel === "error" ? readableWithStack : readable));
      };
    return {
      debug: log("debug"),
      info: log("info"),
      warn: log("warn"),
      error: log("error"),
      with: (fields) => build({ ...bound, ...fields }),
    };
  }
  return build({});
}

const readable = (_key: string, value: unknown) => asJson(value, false);
const readableWithStack = (_key: string, value: unknown) => asJson(value, true);

function asJson(value: unknown, withStack: boolean): unknown {
  if (value instanceof Error) return describeError(value, withStack);
  if (typeof value === "bigint") return value.toString();
  return value;
}

function writeToStdout(line: string): void {
  process.stdout.write(`${line}\n`);
}
