import type { Database, Transaction } from "@shop/database/connect";
import { isStatementTimeout, isTransient } from "@shop/database/errors";
import { jsonRows } from "@shop/database/rows";
import { inTransaction } from "@shop/database/transaction";
import { backoffMs } from "@shop/runtime/backoff";
import type { Clock } from "@shop/runtime/clock";
import { errorTextWithStack } from "@shop/runtime/errors";
import type { Logger } from "@shop/runtime/logger";
import type { Metrics } from "@shop/runtime/metrics";
import { sql } from "drizzle-orm";
import type { BrokerRecord } from "./broker.ts";
import { type DeadLetters, KeyReleased } from "./dead-letters.ts";
import { decode, type Received } from "./decode.ts";
import { type MessageHandlers, Refused } from "./handlers.ts";
import { DEATHS, type InHand } from "./in-hand.ts";
import type { Outbox } from "./outbox.ts";

interface InboxOptions {
  readonly db: Database;
  readonly handlers: MessageHandlers;
  readonly outbox: Outbox;
  readonly deadLetters: DeadLetters;
  /** Without it a message that ends the process is not recognised. */
  readonly inHand?: InHand | undefined;
  /** Called when messages have been committed to the outbox. */
  readonly onCommitted: () => void;
  /** Called with the keys of messages whose effects have been committed, each time. */
  readonly onHandled?: (keys: readonly string[]) => void;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: Metrics;
}

const TRANSIENT_BACKOFF = { firstMs: 50, maxMs: 2_000 };
/** How often a message that fails for an unknown reason is tried before it is a dead letter. */
const ATTEMPTS = 3;
const FAILURE_BACKOFF = { firstMs: 100, maxMs: 1_000 };

/**
 * The receiving side: applies records to the database, each message once, however often and to however many replicas it is delivered.
 * As many messages as came together share one transaction: inbox rows, effects and outbox rows are committed at once or not at all.
 * A message behind one of its key that could not be handled is parked: it waits with the dead letters until that one is settled.
 * @returns a function that resolves when every record is applied, known, of no concern, parked, or a dead letter; while the database is
 * away it waits. It rejects only when `signal` is aborted, and then what it has not committed must be delivered again.
 */
export function createInbox({
  db,
  handlers,
  outbox,
  deadLetters,
  inHand,
  onCommitted,
  onHandled,
  clock,
  logger,
  metrics,
}: InboxOptions) {
  /** Settled when it is written down, or cannot be, what is in hand. One call is handled at a time. */
  let marking: Promise<void> | undefined;

  /** One attempt to apply messages in one transaction. Those of a key that is held are parked. */
  async function apply(messages: readonly Received[]): Promise<void> {
    const { sent, handled, parked } = await inTransaction(db, async (tx) => {
      const { fresh, held } = await firstSeen(tx, messages);
      const late = held.length === 0 ? [] : await deadLetters.park(tx, held);
      // It went out before the transaction began, and so has been answered by now as a rule.
      await marking;
      const followUps = fresh.length === 0 ? [] : await handlers.handle(tx, fresh);
      await outbox.send(tx, followUps);
      return { sent: followUps.length, handled: fresh.length, parked: late };
    });
    metrics.count("messages_duplicate_total", {}, messages.length - handled - parked.length);
    metrics.count("messages_handled_total", {}, messages.length - parked.length);
    for (const { id, type, key } of parked) {
      metrics.count("messages_parked_total");
      logger.warn("a message waits: an earlier one of the same key could not be handled", { messageId: id, type, key });
    }
    if (sent > 0) onCommitted();
    onHandled?.(messages.map(({ key }) => key));
  }

  /** Applies messages in order; splits a batch that fails until the message at fault stands alone. */
  async function applyAll(messages: readonly Received[], signal: AbortSignal): Promise<void> {
    /** Attempts that the database took and that came to nothing all the same. An outage before them is none of the messages' doing. */
    let failures = 0;
    for (let attempt = 1; ; attempt += 1) {
      signal.throwIfAborted();
      try {
        await apply(messages);
        return;
      } catch (error) {
        if (error instanceof KeyReleased) continue;
        if (isStatementTimeout(error) || !isTransient(error)) failures += 1;
        const takesTooLong = isStatementTimeout(error) && failures >= ATTEMPTS;
        if (isTransient(error) && !takesTooLong) {
          if (attempt === 1 || attempt % 10 === 0) {
            logger.warn("messages wait: the database does not take them now; trying again", {
              messages: messages.length,
              attempt,
              error,
            });
          }
          await clock.sleep(backoffMs(TRANSIENT_BACKOFF, attempt), signal);
          continue;
        }
        const [only, ...others] = messages;
        if (only === undefined) return;
        if (others.length > 0) {
          const middle = Math.ceil(messages.length / 2);
          await applyAll(messages.slice(0, middle), signal);
          await applyAll(messages.slice(middle), signal);
          return;
        }
        if (error instanceof Refused || failures >= ATTEMPTS) {
          await bury(only, error, signal);
          return;
        }
        logger.warn("a message failed; trying it again", {
          messageId: only.id,
          type: only.type,
          key: only.key,
          attempt: failures,
          error,
        });
        await clock.sleep(backoffMs(FAILURE_BACKOFF, failures), signal);
      }
    }
  }

  async function bury({ id, type, record }: Received, error: unknown, signal: AbortSignal): Promise<void> {
    const cause = error instanceof Refused ? "REFUSED" : "HANDLER_FAILED";
    const detail = errorTextWithStack(error);
    await deadLetters.add([{ cause, detail, messageId: id, type, record }], signal);
  }

  /** Waits for as long as the database is away. */
  async function insist<Result>(work: () => Promise<Result>, signal: AbortSignal): Promise<Result> {
    for (let attempt = 1; ; attempt += 1) {
      signal.throwIfAborted();
      try {
        return await work();
      } catch (error) {
        if (!isTransient(error)) throw error;
        await clock.sleep(backoffMs(TRANSIENT_BACKOFF, attempt), signal);
      }
    }
  }

  /** Handles a message that may have ended a process, alone, so that it is known if it does; one that has ended two is not tried again. */
  async function applyAlone(hand: InHand, message: Received, signal: AbortSignal): Promise<void> {
    const { id, type, record } = message;
    const deaths = hand.deathsBy(id);
    if (deaths >= DEATHS && !(await insist(() => isHandled(db, id), signal))) {
      const detail = `${deaths} processes ended while they handled it and nothing else`;
      await deadLetters.add([{ cause: "PROCESS_KILLED", detail, messageId: id, type, record }], signal);
      return;
    }
    await insist(() => hand.mark([record], [message]), signal);
    await applyAll([message], signal);
  }

  /** Handles messages in order: one by one when a process has ended with one of them in hand, else together. */
  async function applyInTurn(messages: readonly Received[], signal: AbortSignal): Promise<void> {
    if (inHand === undefined || !messages.some(({ record }) => inHand.isSuspect(record))) {
      if (messages.length > 0) await applyAll(messages, signal);
      return;
    }
    for (const message of messages) await applyAlone(inHand, message, signal);
  }

  async function writeDown(hand: InHand, records: readonly BrokerRecord[], messages: readonly Received[]) {
    try {
      await hand.mark(records, messages);
    } catch (error) {
      logger.debug("what is in hand could not be written down", { error });
    }
  }

  return async (records: readonly BrokerRecord[], signal: AbortSignal): Promise<void> => {
    if (inHand) await insist(() => inHand.ready(), signal);
    const decoded = records.map((record) => decode(record));
    const wanted = decoded.flatMap((one) =>
      one.kind === "message" && handlers.types.has(one.message.type) ? [one.message] : [],
    );
    marking = inHand && wanted.length > 0 ? writeDown(inHand, records, wanted) : undefined;
    let messages: Received[] = [];
    for (const one of decoded) {
      if (one.kind === "undecodable") {
        await applyInTurn(messages, signal);
        messages = [];
        await deadLetters.add([one.letter], signal);
      } else if (handlers.types.has(one.message.type)) {
        messages.push(one.message);
      }
    }
    await applyInTurn(messages, signal);
    inHand?.clear(records);
  };
}

async function isHandled(db: Database, messageId: string): Promise<boolean> {
  return (await db.execute(sql`select from inbox where message_id = ${messageId}`)).length > 0;
}

interface FirstSeen {
  /** Those to be handled, in their order. */
  readonly fresh: readonly Received[];
  /** Those to be parked, in their order. */
  readonly held: readonly Received[];
}

/** Writes the messages' ids and gives those messages that had not been written before, apart from those whose key is held: their ids are not written. */
async function firstSeen(tx: Transaction, messages: readonly Received[]): Promise<FirstSeen> {
  const byId = new Map(messages.map((message) => [message.id, message]));
  const rows = [...byId.values()].map(({ id, key }) => ({ id, key })).toSorted((a, b) => (a.id < b.id ? -1 : 1));
  const seen = await tx.execute<{ id: string; held: boolean }>(sql`
    with given as (select id, key from json_to_recordset(${jsonRows(rows)}) as r(id text, key text)),
    held as (
      select id from given
      where key in (select key from dead_letter where holds and replayed_at is null)
        and not exists (select from inbox where message_id = given.id)),
    written as (
      insert into inbox (message_id) select id from given where id not in (select id from held)
      on conflict do nothing returning message_id)
    select message_id as id, false as held from written union all select id, true from held`);
  const heldIds = new Set(seen.filter(({ held }) => held).map(({ id }) => id));
  if (seen.length === messages.length && heldIds.size === 0) return { fresh: messages, held: [] };
  const freshIds = new Set(seen.filter(({ held }) => !held).map(({ id }) => id));
  // Of a message that stands in the batch twice the first is kept.
  return {
    fresh: messages.filter(({ id }) => freshIds.delete(id)),
    held: messages.filter(({ id }) => heldIds.delete(id)),
  };
}
