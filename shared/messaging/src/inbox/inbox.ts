import type { Database, Transaction } from "@shop/database/connect";
import { isLockTimeout, isStatementTimeout, isTransient } from "@shop/database/errors";
import { setLockWait } from "@shop/database/locks";
import { jsonValue, statement } from "@shop/database/statement";
import { alongside, inTransaction } from "@shop/database/transaction";
import { backoffMs } from "@shop/runtime/backoff";
import type { Clock } from "@shop/runtime/clock";
import { errorTextWithStack } from "@shop/runtime/errors";
import type { Logger } from "@shop/runtime/logger";
import type { Metrics } from "@shop/runtime/metrics";
import { traceIdOf } from "@shop/runtime/trace";
import { sql } from "drizzle-orm";
import type { BrokerRecord } from "../broker.ts";
import { type DeadLetters, KeyReleased } from "../dead-letters/dead-letters.ts";
import { decode, type Received, type Undecodable } from "./decode.ts";
import { type MessageHandlers, MessageRefused } from "./handlers.ts";
import { type ConsumerTracing, type TracedHandling, traceHandling } from "./handling-spans.ts";
import { type InFlightMarker, POISON_AFTER_CRASHES } from "./in-flight.ts";
import type { Outbox } from "../outbox/outbox.ts";

interface InboxOptions {
  readonly db: Database;
  readonly handlers: MessageHandlers;
  readonly outbox: Outbox;
  readonly deadLetters: DeadLetters;
  /** Without it a poison message, which crashes the process, is not recognised. */
  readonly marker?: InFlightMarker | undefined;
  /** Called with the keys of messages whose effects have been committed, each time. */
  readonly onHandled?: (keys: readonly string[]) => void;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: Metrics;
  /** Given where traces are exported. */
  readonly tracing?: ConsumerTracing | undefined;
}

const TRANSIENT_BACKOFF = { firstMs: 50, maxMs: 2_000 };
/** How often a message that fails for an unknown reason is tried before it is a dead letter. */
const ATTEMPTS = 3;
const FAILURE_BACKOFF = { firstMs: 100, maxMs: 1_000 };

/** How long a batch waits for a lock of another transaction, in milliseconds. Two replicas that want the same rows have them within tens. */
const LOCK_WAIT_MS = 500;
/** The same once such a wait has come to nothing: by then the rows that are locked are known, and only what no row shows is waited for. */
const CAREFUL_LOCK_WAIT_MS = 50;
/** For how long batches look for locked rows before they begin, in milliseconds after the last one was found. Deferred messages are tried more often. */
const CAREFUL_MS = 5_000;
/** How many such waits one call bears. What is left then is deferred untried: a table may be locked, or very many keys. */
const MAX_LOCK_WAITS = 20;

/** A whole table is locked, so that no message is any better off than another. */
class TableLocked extends Error {
  override readonly name = "TableLocked";
  readonly code = "55P03";
}

/** What one call defers because of others' locks. Behind the first such message of a key all later ones are deferred too. */
class Deferral {
  readonly #keys = new Set<string>();
  readonly #locked: BrokerRecord[] = [];
  readonly #untried: BrokerRecord[] = [];
  lockWaitsLeft = MAX_LOCK_WAITS;
  /** Whether a dead letter waited for a lock in vain. That takes a second, so the call's others are not tried. */
  hasDeferredDeadLetter = false;

  /** Those messages whose keys are not deferred; the others are, from now on. */
  admit(messages: readonly Received[]): readonly Received[] {
    if (this.#keys.size === 0) return messages;
    this.#locked.push(...messages.filter(({ key }) => this.#keys.has(key)).map(({ record }) => record));
    return messages.filter(({ key }) => !this.#keys.has(key));
  }

  /** Defers messages that were seen to wait for a lock. */
  locked(messages: readonly Received[]): void {
    for (const { key, record } of messages) {
      this.#keys.add(key);
      this.#locked.push(record);
    }
  }

  untried(messages: readonly Received[]): void {
    this.#untried.push(...messages.map(({ record }) => record));
  }

  /** Defers a record that may be no message, with the later ones of its key. */
  record(record: BrokerRecord): void {
    if (record.key !== null) this.#keys.add(record.key);
    this.#locked.push(record);
  }

  untriedRecord(record: BrokerRecord): void {
    if (record.key !== null) this.#keys.add(record.key);
    this.#untried.push(record);
  }

  /** Those to be tried first in front. */
  records(): readonly BrokerRecord[] {
    return [...this.#untried, ...this.#locked];
  }
}

/**
 * The receiving side: applies records to the database, each message once, however often and to however many replicas it is delivered.
 * As many messages as came together share one transaction: inbox rows, effects and outbox rows are committed at once or not at all.
 * A message behind one of its key that could not be handled is parked: it waits with the dead letters until that one is settled.
 * A message that needs a lock which another transaction holds is deferred, with the later ones of its key; the others continue.
 * @returns a function that resolves when every record is applied, known, of no concern, parked, or a dead letter, with those that are deferred;
 * while the database is unavailable it waits. It rejects only when `signal` is aborted, and then what it has not committed must be delivered again.
 */
export function createInbox({
  db,
  handlers,
  outbox,
  deadLetters,
  marker,
  onHandled,
  clock,
  logger,
  metrics,
  tracing,
}: InboxOptions) {
  const handledTotal = metrics
    .counter({ name: "messages_handled_total", help: "Messages whose effects are committed, repeated ones among them" })
    .child({});
  const duplicateTotal = metrics
    .counter({ name: "messages_duplicate_total", help: "Messages that had been handled before and changed nothing" })
    .child({});
  const parkedTotal = metrics.counter({
    name: "messages_parked_total",
    help: "Messages that wait behind an earlier one of their key that could not be handled",
  });
  const retriesTotal = metrics.counter({
    name: "messages_retries_total",
    help: "Times that messages were tried again: the database was away, or a handler failed",
    labels: { reason: ["database", "handler"] },
  });
  /** Until when batches look for locked rows before they begin, by `clock.elapsed()`. */
  let carefulUntil = Number.NEGATIVE_INFINITY;
  const deferredBefore = new WeakSet<BrokerRecord>();
  const isCareful = () => clock.elapsed() < carefulUntil;
  const beCareful = () => {
    carefulUntil = clock.elapsed() + CAREFUL_MS;
  };

  /** One attempt to apply messages in one transaction. Those of a blocked key are parked, those whose rows are locked are deferred. */
  function apply(given: readonly Received[], deferral: Deferral): Promise<void> {
    const traced = tracing === undefined ? undefined : traceHandling(tracing, given);
    return traced === undefined ? applyInTransaction(given, deferral) : applyTraced(traced, deferral);
  }

  async function applyTraced(traced: TracedHandling, deferral: Deferral): Promise<void> {
    try {
      await applyInTransaction(traced.messages, deferral, traced);
    } catch (error) {
      traced.end(error);
      throw error;
    }
    traced.end();
  }

  async function applyInTransaction(
    given: readonly Received[],
    deferral: Deferral,
    traced?: TracedHandling,
  ): Promise<void> {
    const careful = isCareful();
    const { messages, locked, handled, parked } = await inTransaction(db, async (tx) => {
      const busy = careful ? await withoutLocked(tx, given) : { free: given, locked: [] };
      const { fresh, blocked } = await firstSeen(tx, busy.free, careful ? CAREFUL_LOCK_WAIT_MS : LOCK_WAIT_MS);
      traced?.seen({ fresh, parked: blocked, locked: busy.locked });
      const late = blocked.length === 0 ? [] : await deadLetters.park(tx, blocked);
      const marked = fresh.length === 0 ? undefined : marker?.mark(fresh);
      if (marked) await marked;
      const followUps = fresh.length === 0 ? [] : await handlers.handle(tx, fresh);
      traced?.handled();
      if (followUps.length > 0) alongside(tx, outbox.send(tx, followUps));
      return {
        ...{ messages: busy.free, locked: busy.locked },
        ...{ handled: fresh.length, parked: late },
      };
    });
    // Replicas that want the same row meet now and then; a row that was locked at the last try as well is held for long.
    if (locked.some(({ record }) => deferredBefore.has(record))) beCareful();
    deferral.locked(locked);
    duplicateTotal(messages.length - handled - parked.length);
    handledTotal(messages.length - parked.length);
    for (const { id, type, key, traceparent } of parked) {
      parkedTotal.inc({});
      logger.warn("MESSAGE_PARKED", "a message is parked: an earlier one of the same key is a dead letter", {
        messageId: id,
        type,
        key,
        traceId: traceparent && traceIdOf(traceparent),
      });
    }
    if (messages.length > 0) onHandled?.(messages.map(({ key }) => key));
  }

  /** @throws TableLocked */
  async function withoutLocked(tx: Transaction, messages: readonly Received[]) {
    if (handlers.lockedKeys === undefined) return { free: messages, locked: [] };
    let keys: ReadonlySet<string>;
    try {
      [, keys] = await Promise.all([setLockWait(tx, CAREFUL_LOCK_WAIT_MS), handlers.lockedKeys(tx, messages)]);
    } catch (error) {
      if (!isLockTimeout(error)) throw error;
      throw new TableLocked("a table that messages need is locked", { cause: error });
    }
    const isLocked = ({ key }: Received) => keys.has(key);
    return { free: messages.filter((message) => !isLocked(message)), locked: messages.filter(isLocked) };
  }

  /** Applies messages in order; splits a batch that fails until the message at fault stands alone, or the one that waits for a lock. */
  async function applyAll(given: readonly Received[], deferral: Deferral, signal: AbortSignal): Promise<void> {
    const messages = deferral.admit(given);
    const [only, ...others] = messages;
    if (only === undefined) return;
    async function applyHalves(): Promise<void> {
      const middle = Math.ceil(messages.length / 2);
      await applyAll(messages.slice(0, middle), deferral, signal);
      await applyAll(messages.slice(middle), deferral, signal);
    }
    /** Attempts that the database took and that came to nothing all the same. An outage before them is none of the messages' doing. */
    let failures = 0;
    for (let attempt = 1; ; attempt += 1) {
      signal.throwIfAborted();
      const wasCareful = isCareful();
      if (deferral.lockWaitsLeft <= 0) {
        deferral.untried(messages);
        return;
      }
      try {
        await apply(messages, deferral);
        return;
      } catch (error) {
        if (error instanceof KeyReleased) continue;
        if (isLockTimeout(error) && !(error instanceof TableLocked)) {
          beCareful();
          // The second time locked rows are looked for first. What still waits then waits for what no row shows.
          if (!wasCareful) continue;
          deferral.lockWaitsLeft -= 1;
          if (others.every(({ key }) => key === only.key)) deferral.locked(messages);
          else await applyHalves();
          return;
        }
        if (isStatementTimeout(error) || !isTransient(error)) failures += 1;
        const takesTooLong = isStatementTimeout(error) && failures >= ATTEMPTS;
        if (isTransient(error) && !takesTooLong) {
          if (attempt === 1 || attempt % 10 === 0) {
            logger.warn("MESSAGES_DATABASE_UNAVAILABLE", "messages wait: the database is unavailable; retrying", {
              messages: messages.length,
              attempt,
              error,
            });
          }
          retriesTotal.inc({ reason: "database" });
          await clock.sleep(backoffMs(TRANSIENT_BACKOFF, attempt), signal);
          continue;
        }
        if (others.length > 0) {
          await applyHalves();
          return;
        }
        if (error instanceof MessageRefused || failures >= ATTEMPTS) {
          await deadLetter(only, error, deferral, signal);
          return;
        }
        logger.warn("MESSAGE_HANDLER_FAILED", "a message handler failed; retrying", {
          messageId: only.id,
          type: only.type,
          key: only.key,
          traceId: only.traceparent && traceIdOf(only.traceparent),
          attempt: failures,
          error,
        });
        retriesTotal.inc({ reason: "handler" });
        await clock.sleep(backoffMs(FAILURE_BACKOFF, failures), signal);
      }
    }
  }

  async function deadLetter({ id, type, record }: Received, error: unknown, deferral: Deferral, signal: AbortSignal) {
    const cause = error instanceof MessageRefused ? "REFUSED" : "HANDLER_FAILED";
    const detail = errorTextWithStack(error);
    await addDeadLetter({ cause, detail, messageId: id, type, record }, deferral, signal);
  }

  /** Keeps a dead letter. One that waits for another transaction is deferred, with the later records of its key. */
  async function addDeadLetter(entry: Undecodable, deferral: Deferral, signal: AbortSignal): Promise<void> {
    if (deferral.hasDeferredDeadLetter) {
      deferral.untriedRecord(entry.record);
    } else if (!(await deadLetters.add(entry, signal))) {
      deferral.hasDeferredDeadLetter = true;
      deferral.record(entry.record);
    }
  }

  /** Waits for as long as the database is unavailable. */
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

  /** Handles a message that may have crashed a process, alone, so that it is known if it does; a poison message becomes a dead letter instead. */
  async function applyAlone(
    inFlight: InFlightMarker,
    message: Received,
    deferral: Deferral,
    signal: AbortSignal,
  ): Promise<void> {
    if (deferral.admit([message]).length === 0) return;
    if (await isPoison(inFlight, message, signal)) {
      const { id, type, record } = message;
      const detail = `${inFlight.crashesBy(id)} processes crashed while they handled it and nothing else`;
      await addDeadLetter({ cause: "PROCESS_KILLED", detail, messageId: id, type, record }, deferral, signal);
    } else {
      await applyAll([message], deferral, signal);
    }
  }

  async function isPoison(inFlight: InFlightMarker, { id }: Received, signal: AbortSignal): Promise<boolean> {
    const hasCrashes = () => inFlight.crashesBy(id) >= POISON_AFTER_CRASHES;
    if (!hasCrashes()) return false;
    // A process that lost its session for a moment was counted, and counts no more as soon as it has a new one.
    await insist(() => inFlight.look(), signal);
    return hasCrashes() && !(await insist(() => isHandled(db, id), signal));
  }

  /** Handles messages in order: those that may have crashed a process one by one, the others together. */
  async function applyInTurn(messages: readonly Received[], deferral: Deferral, signal: AbortSignal): Promise<void> {
    if (marker === undefined || !messages.some(marker.isSuspect)) {
      await applyAll(messages, deferral, signal);
      return;
    }
    let together: Received[] = [];
    for (const message of messages) {
      if (!marker.isSuspect(message)) {
        together.push(message);
        continue;
      }
      await applyAll(together, deferral, signal);
      together = [];
      await applyAlone(marker, message, deferral, signal);
    }
    await applyAll(together, deferral, signal);
  }

  /** A process that crashes while messages are only deferred was not crashed by them. */
  async function unmark(): Promise<void> {
    try {
      await marker?.unmark();
    } catch (error) {
      logger.debug("IN_FLIGHT_UNMARK_FAILED", "the in-flight marker could not be cleared", { error });
    }
  }

  return async (records: readonly BrokerRecord[], signal: AbortSignal): Promise<readonly BrokerRecord[]> => {
    if (marker) await insist(() => marker.ready(), signal);
    // Deferred records come from this queue, not from another process.
    if (marker && records[0] && !deferredBefore.has(records[0])) await insist(() => marker.follow(records), signal);
    const decoded = records.map((record) => decode(record));
    const deferral = new Deferral();
    let messages: Received[] = [];
    for (const one of decoded) {
      if (one.kind === "undecodable") {
        await applyInTurn(messages, deferral, signal);
        messages = [];
        await addDeadLetter(one.deadLetter, deferral, signal);
      } else if (handlers.types.has(one.message.type)) {
        messages.push(one.message);
      }
    }
    await applyInTurn(messages, deferral, signal);
    const deferred = deferral.records();
    for (const record of deferred) deferredBefore.add(record);
    if (deferred.length > 0) await unmark();
    return deferred;
  };
}

async function isHandled(db: Database, messageId: string): Promise<boolean> {
  return (await db.execute(sql`select from inbox where message_id = ${messageId}`)).length > 0;
}

interface FirstSeen {
  /** Those to be handled, in their order. */
  readonly fresh: readonly Received[];
  /** Those to be parked, in their order. */
  readonly blocked: readonly Received[];
}

// Outside of a transaction it is refused.
const writeIds = statement<{ id: string; blocked: boolean }, "rows">(
  (value) => sql`
    with given as (select id, key from json_to_recordset(${value("rows")}::json) as r(id text, key text)),
    blocked as (
      select id from given
      where key in (select key from dead_letter where blocks_key and replayed_at is null)
        and not exists (select from inbox where message_id = given.id)),
    written as (
      insert into inbox (message_id) select id from given where id not in (select id from blocked)
      on conflict do nothing returning message_id)
    select message_id as id, false as blocked from written union all select id, true from blocked`,
  { goesWithBegin: true },
);

/** Writes the messages' ids and gives those messages that had not been written before, apart from those whose key is held: their ids are not written. */
async function firstSeen(tx: Transaction, messages: readonly Received[], lockWaitMs: number): Promise<FirstSeen> {
  if (messages.length === 0) return { fresh: [], blocked: [] };
  const byId = new Map(messages.map((message) => [message.id, message]));
  const rows = [...byId.values()].map(({ id, key }) => ({ id, key })).toSorted((a, b) => (a.id < b.id ? -1 : 1));
  const [, seen] = await Promise.all([setLockWait(tx, lockWaitMs), writeIds(tx, { rows: jsonValue(rows) })]);
  const heldIds = new Set(seen.filter(({ blocked }) => blocked).map(({ id }) => id));
  if (seen.length === messages.length && heldIds.size === 0) return { fresh: messages, blocked: [] };
  const freshIds = new Set(seen.filter(({ blocked }) => !blocked).map(({ id }) => id));
  // Of a message that stands in the batch twice the first is kept.
  return {
    fresh: messages.filter(({ id }) => freshIds.delete(id)),
    blocked: messages.filter(({ id }) => heldIds.delete(id)),
  };
}
