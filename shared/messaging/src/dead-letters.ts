import type { Database } from "@shop/database/connect";
import { isTransient } from "@shop/database/errors";
import { backoffMs } from "@shop/runtime/backoff";
import { type Clock, instant } from "@shop/runtime/clock";
import type { IdSource } from "@shop/runtime/ids";
import type { Logger } from "@shop/runtime/logger";
import type { Metrics } from "@shop/runtime/metrics";
import type { Undecodable } from "./decode.ts";
import { deadLetter } from "./schema.ts";

const BACKOFF = { firstMs: 50, maxMs: 2_000 };

/** Where messages go that nobody can handle, so that the rest of the partition goes on. */
export interface DeadLetters {
  /** Keeps them, whole; waits while the database is away. A record, or a message, that is kept already is not kept twice. Rejects only when `signal` is aborted. */
  add(letters: readonly Undecodable[], signal: AbortSignal): Promise<void>;
}

interface DeadLettersOptions {
  readonly db: Database;
  readonly ids: IdSource;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: Metrics;
}

export function createDeadLetters({ db, ids, clock, logger, metrics }: DeadLettersOptions): DeadLetters {
  return {
    async add(letters, signal) {
      for (const { cause, detail, messageId, type, record } of letters) {
        const { topic, partition, offset, key, value, headers } = record;
        const row = {
          id: ids(),
          cause,
          detail: printable(detail),
          messageId: printable(messageId),
          type: printable(type),
          topic,
          partition,
          recordOffset: BigInt(offset),
          key: printable(key),
          payload: value,
          headers: printableEntries(headers),
          failedAt: instant(clock),
        };
        for (let attempt = 1; ; attempt += 1) {
          signal.throwIfAborted();
          try {
            await db.insert(deadLetter).values(row).onConflictDoNothing();
            break;
          } catch (error) {
            if (!isTransient(error)) throw error;
            await clock.sleep(backoffMs(BACKOFF, attempt), signal);
          }
        }
        metrics.count("messages_dead_total", { cause });
        logger.error("a message cannot be handled and was put with the dead letters; the others go on", {
          cause,
          detail: detail.slice(0, 500),
          messageId,
          type,
          topic,
          partition,
          offset,
          key,
        });
      }
    },
  };
}

/** PostgreSQL's text and jsonb cannot hold NUL; the payload itself is kept as bytes. */
function printable<Text extends string | null>(text: Text): Text {
  return (text?.replaceAll("\0", "\u{FFFD}").toWellFormed() ?? null) as Text;
}

function printableEntries(texts: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(texts).map(([name, value]) => [printable(name), printable(value)]));
}
