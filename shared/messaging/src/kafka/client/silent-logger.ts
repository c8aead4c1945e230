import type { Logger } from "@shop/runtime/logger";
import { type logCreator, logLevel } from "kafkajs";

/** What kafkajs adds behind it are requests, messages and the texts of errors, a handler's too. */
const BEGINNING = /^[\w ,.-]{0,80}/;

/**
 * kafkajs reports as errors what it then retries by itself ("group coordinator is not available" in a broker's first seconds).
 * What matters reaches the operator from the publisher and the subscription in their own words; the library's go to `debug`.
 */
export function kafkaLogCreator(logger: Logger): logCreator {
  return () =>
    ({ namespace, level, log: { message } }) => {
      if (level === logLevel.NOTHING) return;
      logger.debug("KAFKAJS", `kafkajs: ${BEGINNING.exec(message)?.[0] ?? ""}`, { namespace });
    };
}
