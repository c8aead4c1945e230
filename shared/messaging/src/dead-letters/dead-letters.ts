import { DeadLetterCause } from "@shop/contracts/http/dead-letter";
import { messagesByType } from "@shop/contracts/messages/registry";
import type { Database, Transaction } from "@shop/database/connect";
import { isLockTimeout, isTransient } from "@shop/database/errors";
import { backoffMs } from "@shop/runtime/backoff";
import { type Clock, instant } from "@shop/runtime/clock";
import { ExplainedError } from "@shop/runtime/errors";
import { type IdSource, isUuid } from "@shop/runtime/ids";
import type { Logger } from "@shop/runtime/logger";
import type { Metrics } from "@shop/runtime/metrics";
import type { Received, Undecodable } from "../inbox/decode.ts";
import { FIRST_RETRY_MS, lockKeys, stillBlocked } from "./blocked-keys.ts";
import { deadLetter } from "../schema.ts";

const BACKOFF = { firstMs: 50, maxMs: 2_000 };

/** A transaction wanted to park messages whose key was released concurrently: retry it. */
export class KeyReleased extends ExplainedError {
  override readonly name = "KeyReleased";
}

/** Stores messages that cannot be handled, so that the rest of the partition continues. */
export interface DeadLetters {
  /**
   * Keeps one, whole; waits while the database is unavailable. A record, or a message, that is kept already is not kept twice. Rejects only when `signal` is aborted.
   * @returns false when another transaction has not committed the same one, or its deletion, for as long as a session waits for a lock: then add it again
   */
  add(entry: Undecodable, signal: AbortSignal): Promise<boolean>;
  /**
   * Parks messages behind a dead letter of their key, as part of `tx`; returns those that were not parked before.
   * @throws KeyReleased
   */
  park(tx: Transaction, messages: readonly Received[]): Promise<readonly Received[]>;
}

interface DeadLettersOptions {
  readonly db: Database;
  readonly ids: IdSource;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: Metrics;
}

/** Causes that block the key: it was a message of ours, and a later retry may succeed. */
const BLOCKING: readonly string[] = ["HANDLER_FAILED", "PROCESS_KILLED", "PARKED"];

export function createDeadLetters({ db, ids, clock, logger, metrics }: DeadLettersOptions): DeadLetters {
  const deadTotal = metrics.counter({
    name: "messages_dead_total",
    help: "Messages that could not be handled and became dead letters",
    labels: { cause: DeadLetterCause.options },
  });

  function rowOf({ cause, detail, messageId, type, record }: Undecodable): typeof deadLetter.$inferInsert {
    const { topic, partition, offset, key, value, headers } = record;
    return {
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
      blocksKey: BLOCKING.includes(cause),
      retryAt: cause === "HANDLER_FAILED" ? new Date(clock.now() + FIRST_RETRY_MS).toISOString() : null,
    };
  }

  /** @returns whether it was kept before or is now, or must wait for another transaction */
  async function keep(entry: Undecodable, signal: AbortSignal): Promise<"kept before" | "kept" | "locked"> {
    const row = rowOf(entry);
    for (let attempt = 1; ; attempt += 1) {
      signal.throwIfAborted();
      try {
        const kept = await db.insert(deadLetter).values(row).onConflictDoNothing().returning({ id: deadLetter.id });
        return kept.length > 0 ? "kept" : "kept before";
      } catch (error) {
        if (isLockTimeout(error)) return "locked";
        if (!isTransient(error)) throw error;
        await clock.sleep(backoffMs(BACKOFF, attempt), signal);
      }
    }
  }

  return {
    async add(entry, signal) {
      const outcome = await keep(entry, signal);
      if (outcome === "kept") {
        const { cause, detail, record } = entry;
        const { topic, partition, offset } = record;
        deadTotal.inc({ cause });
        logger.error("MESSAGE_DEAD_LETTERED", "a message was dead-lettered; the others continue", {
          ...{ cause, detail: detail.slice(0, 500), ...ownNames(entry), topic, partition, offset },
        });
      }
      return outcome !== "locked";
    },
    async park(tx, messages) {
      const keys = [...new Set(messages.map(({ key }) => key))];
      await lockKeys(tx, keys);
      if ((await stillBlocked(tx, keys)).length < keys.length) throw new KeyReleased("a key was released meanwhile");
      const detail = "an earlier message of the same key could not be handled";
      const rows = messages.map(({ id, type, record }) =>
        rowOf({ cause: "PARKED", detail, messageId: id, type, record }),
      );
      const kept = await tx
        .insert(deadLetter)
        .values(rows)
        .onConflictDoNothing()
        .returning({ messageId: deadLetter.messageId });
      const parked = new Set(kept.map(({ messageId }) => messageId));
      return messages.filter(({ id }) => parked.delete(printable(id)));
    },
  };
}

/** What a log line names a message by: none of it when the record is somebody else's, who may have written anything there. The row has it all. */
function ownNames({ messageId, type, record: { key } }: Undecodable) {
  return {
    messageId: messageId !== null && isUuid(messageId) ? messageId : null,
    type: type !== null && messagesByType.has(type) ? type : null,
    key: key !== null && isUuid(key) ? key : null,
  };
}

/** PostgreSQL's text and jsonb cannot hold NUL; the payload itself is kept as bytes. */
export function printable<Text extends string | null>(text: Text): Text {
  return (text?.replaceAll("\0", "\u{FFFD}").toWellFormed() ?? null) as Text;
}

function printableEntries(texts: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(texts).map(([name, value]) => [printable(name), printable(value)]));
}
