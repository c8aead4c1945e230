import type { DeadLetterCause, ReplayOutcome } from "@shop/contracts/http/dead-letter";
import type { Topic } from "@shop/contracts/services";
import type { Database, Transaction } from "@shop/database/connect";
import { isStatementTimeout, isTransient } from "@shop/database/errors";
import { setLockWait } from "@shop/database/locks";
import { inSavepoint, inTransaction } from "@shop/database/transaction";
import { type Clock, instant } from "@shop/runtime/clock";
import { errorText, ExplainedError } from "@shop/runtime/errors";
import { eq, sql } from "drizzle-orm";
import { printable } from "./dead-letters.ts";
import {
  blockingDeadLetters,
  deadLetterById,
  type DeadLetterRow,
  openDeadLetters,
  SETTLED,
} from "./dead-letter-list.ts";
import { decode, type Received } from "../inbox/decode.ts";
import { type MessageHandlers, MessageRefused } from "../inbox/handlers.ts";
import { isDue, lockKeys, nextRetryAt } from "./blocked-keys.ts";
import { type InFlightMarker, POISON_AFTER_CRASHES } from "../inbox/in-flight.ts";
import type { Outbox } from "../outbox/outbox.ts";
import { deadLetter } from "../schema.ts";

/** The result of retrying one dead letter. */
export interface Tried {
  readonly entry: DeadLetterRow;
  readonly outcome: ReplayOutcome;
  readonly detail: string | null;
}

export type ReplayResult =
  | {
      readonly kind: "tried";
      readonly outcome: ReplayOutcome;
      readonly detail: string | null;
      /** How many that waited behind it were settled with it. */
      readonly released: number;
    }
  | { readonly kind: "unknown" }
  | { readonly kind: "replayed before" }
  | { readonly kind: "waits"; readonly behindId: string };

export interface Selection {
  readonly cause: DeadLetterCause | undefined;
  readonly key: string | undefined;
  /** Only those with these ids. */
  readonly ids?: readonly string[] | undefined;
  /** Only dead letters newer than this. */
  readonly afterId: string | undefined;
  readonly dryRun: boolean;
  readonly onTried?: OnTried | undefined;
}

export interface BulkResult {
  readonly outcomes: Partial<Record<ReplayOutcome, number>>;
  /** The dead letter that it came to when time ran out; null when it came to the end. */
  readonly lastId: string | null;
}

/** Told what came of dead letters that were retried, as the last thing of their transaction. Not called for a dry run. */
export type OnTried = (tx: Transaction, tried: readonly Tried[]) => Promise<void>;

/** Handles dead letters again. */
export interface Replay {
  /** One dead letter, and with it those that wait behind it, in order, until one fails. */
  one(id: string, options: { readonly dryRun: boolean; readonly onTried?: OnTried }): Promise<ReplayResult>;
  /** Many, oldest first, for about a second. A dead letter that waits brings the one that it waits for with it. */
  many(selection: Selection): Promise<BulkResult>;
  /**
   * One of many, as part of a transaction, and with it those that it waits for, until one fails. One that has crashed its process is left alone, and one
   * that crashes it here is recognised.
   * @param id of a dead letter of this database
   * @returns what came of those that were tried: `settled` when it was none any more, `poison` when it has to be asked for by itself
   * @throws when a row that it needs is locked, or the database is unavailable
   */
  within(tx: Transaction, id: string): Promise<readonly Tried[] | "settled" | "poison">;
  /** What waits for a key, in order, until one fails, if the first of it is due to be retried; nothing otherwise. */
  again(key: string): Promise<readonly Tried[]>;
}

interface ReplayOptions {
  readonly db: Database;
  readonly handlers: MessageHandlers;
  readonly outbox: Outbox;
  /** Without it a message that crashes the process when it is retried is not recognised. */
  readonly marker?: InFlightMarker | undefined;
  /** Called with the keys of messages whose effects have been committed. */
  readonly onHandled: (keys: readonly string[]) => void;
  readonly clock: Clock;
}

/** How long a call for many continues, in milliseconds: its caller has an answer after 1.5 s. */
const BULK_MS = 1_000;
const PAGE = 100;
/** How long a message that is retried waits for a lock of another transaction, in milliseconds. */
const LOCK_WAIT_MS = 500;

/** Ends the transaction of a dry run: everything was tried, nothing is kept. */
class DryRun<Result> extends ExplainedError {
  override readonly name = "DryRun";
  readonly result: Result;

  constructor(result: Result) {
    super("a dry run is rolled back");
    this.result = result;
  }
}

/**
 * Handles dead letters again, by this service's own handlers and through its inbox: so each is applied once, whatever else
 * delivers the same message. What cannot be handled this time either stays a dead letter. A dry run does all of it and rolls it back.
 * Its calls throw when the database is unavailable; then nothing has happened.
 */
export function createReplay({ db, handlers, outbox, marker, onHandled, clock }: ReplayOptions): Replay {
  async function apply(tx: Transaction, message: Received): Promise<ReplayOutcome> {
    const written = await tx.execute(
      sql`insert into inbox (message_id) values (${message.id}) on conflict do nothing returning message_id`,
    );
    if (written.length === 0) return "KNOWN";
    await outbox.send(tx, await handlers.handle(tx, [message]));
    return "APPLIED";
  }

  async function tryToApply(tx: Transaction, entry: DeadLetterRow): Promise<Omit<Tried, "entry">> {
    const { topic, partition, recordOffset, key, payload: value, headers } = entry;
    const record = { partition, offset: String(recordOffset), key, value };
    // Both were written from a record of the broker.
    const decoded = decode({ ...record, topic: topic as Topic, headers: headers as Record<string, string> });
    if (decoded.kind === "undecodable") {
      const { cause, detail } = decoded.deadLetter;
      return { outcome: "UNREADABLE", detail: `${cause}: ${detail}` };
    }
    const { message } = decoded;
    if (!handlers.types.has(message.type)) return { outcome: "NOT_HANDLED", detail: null };
    try {
      // A savepoint: what a handler has done before it failed is rolled back.
      return { outcome: await inSavepoint(tx, (inner) => apply(inner, message)), detail: null };
    } catch (error) {
      if (isTransient(error) && !isStatementTimeout(error)) throw error;
      const outcome = error instanceof MessageRefused ? "REFUSED" : "FAILED";
      return { outcome, detail: printable(errorText(error)) };
    }
  }

  /** Retries a dead letter and records what came of it. */
  async function settle(tx: Transaction, entry: DeadLetterRow): Promise<Tried> {
    const { outcome, detail } = await tryToApply(tx, entry);
    const change = afterwards(entry, outcome, detail);
    if (change) await tx.update(deadLetter).set(change).where(eq(deadLetter.id, entry.id));
    return { entry, outcome, detail };
  }

  function afterwards(entry: DeadLetterRow, outcome: ReplayOutcome, detail: string | null) {
    if (SETTLED.includes(outcome)) return { replayedAt: instant(clock) };
    if (!entry.blocksKey) return undefined;
    // A message that can never be applied blocks no key.
    if (outcome === "REFUSED") return { cause: "REFUSED", detail: detail ?? "", blocksKey: false, retryAt: null };
    if (entry.cause === "PROCESS_KILLED") return undefined;
    const retryAt = new Date(nextRetryAt(Date.parse(entry.failedAt), clock.now())).toISOString();
    return entry.cause === "PARKED"
      ? { cause: "HANDLER_FAILED", detail: detail ?? "", failedAt: instant(clock), retryAt }
      : { retryAt };
  }

  /** The dead letters of a key in order, until one fails. The key is locked. */
  async function settleAll(
    tx: Transaction,
    entries: readonly DeadLetterRow[],
    settleThis = (entry: DeadLetterRow) => settle(tx, entry),
  ): Promise<readonly Tried[]> {
    const tried: Tried[] = [];
    for (const entry of entries) {
      const one = await settleThis(entry);
      tried.push(one);
      if (one.outcome === "FAILED" || one.outcome === "UNREADABLE") break;
    }
    return tried;
  }

  /** Automatic retry: each dead letter is marked before, so that a poison message is recognised. */
  async function settleCarefully(tx: Transaction, entries: readonly DeadLetterRow[]): Promise<readonly Tried[]> {
    if (marker === undefined) return settleAll(tx, entries);
    await marker.look();
    try {
      return await settleAll(tx, entries, (entry) => settleMarked(tx, entry, marker));
    } finally {
      await marker.markRetry(null);
    }
  }

  async function settleMarked(tx: Transaction, entry: DeadLetterRow, inFlight: InFlightMarker): Promise<Tried> {
    const { id, messageId } = entry;
    const crashes = messageId === null ? 0 : inFlight.crashesBy(messageId);
    if (crashes < POISON_AFTER_CRASHES) {
      await inFlight.markRetry(messageId);
      return settle(tx, entry);
    }
    const cause = "PROCESS_KILLED";
    const detail = `${crashes} processes crashed while they retried it`;
    await tx.update(deadLetter).set({ cause, detail, retryAt: null }).where(eq(deadLetter.id, id));
    return { entry: { ...entry, cause }, outcome: "FAILED", detail };
  }

  /** All dead letters of a key. Poison messages are retried only when requested by cause. */
  async function settleKey(tx: Transaction, key: string, dares: boolean): Promise<readonly Tried[]> {
    await lockKeys(tx, [key]);
    const entries = await blockingDeadLetters(tx, key);
    return entries[0]?.cause === "PROCESS_KILLED" && !dares ? [] : settleAll(tx, entries);
  }

  /** Runs it in a transaction that a dry run rolls back; otherwise reports what was applied. */
  async function inRun(dryRun: boolean, work: (tx: Transaction) => Promise<readonly Tried[]>, onTried?: OnTried) {
    const tried = await inTransaction(db, async (tx) => {
      // What waits for a lock is retried at the next look; the other keys are not to wait with it.
      await setLockWait(tx, LOCK_WAIT_MS);
      const result = await work(tx);
      if (dryRun) throw new DryRun(result);
      if (result.length > 0) await onTried?.(tx, result);
      return result;
    }).catch((error: unknown) => {
      if (error instanceof DryRun) return error.result as readonly Tried[];
      throw error;
    });
    const applied = tried.filter(({ outcome }) => outcome === "APPLIED");
    if (!dryRun && applied.length > 0) onHandled([...new Set(applied.flatMap(({ entry: { key } }) => key ?? []))]);
    return tried;
  }

  async function settleOne(tx: Transaction, id: string): Promise<readonly Tried[]> {
    const entry = await deadLetterById(tx, id);
    return entry === undefined || entry.replayedAt !== null ? [] : [await settle(tx, entry)];
  }

  return {
    async one(id, { dryRun, onTried }) {
      let refused: ReplayResult | undefined;
      const tried = await inRun(
        dryRun,
        async (tx) => {
          // Which key it holds never changes; what has become of it is read under the key's lock.
          const [found] = await tx.select().from(deadLetter).where(eq(deadLetter.id, id));
          if (found?.blocksKey && found.key !== null) await lockKeys(tx, [found.key]);
          const entry = await deadLetterById(tx, id);
          if (entry === undefined) refused = { kind: "unknown" };
          else if (entry.replayedAt !== null) refused = { kind: "replayed before" };
          if (entry === undefined || refused) return [];
          if (!entry.blocksKey || entry.key === null) return [await settle(tx, entry)];
          const entries = await blockingDeadLetters(tx, entry.key);
          const [first] = entries;
          if (first !== undefined && first.id !== id) refused = { kind: "waits", behindId: first.id };
          return refused ? [] : settleAll(tx, entries);
        },
        onTried,
      );
      if (refused) return refused;
      const [own, ...behind] = tried;
      if (own === undefined) return { kind: "unknown" };
      const released = behind.filter(({ outcome }) => SETTLED.includes(outcome)).length;
      return { kind: "tried", outcome: own.outcome, detail: own.detail, released };
    },

    async many({ dryRun, afterId, onTried, ...filter }) {
      const until = clock.elapsed() + BULK_MS;
      const outcomes: Partial<Record<ReplayOutcome, number>> = {};
      const keysDone = new Set<string>();
      let last = afterId;
      for (;;) {
        const page = await openDeadLetters(db, { ...filter, afterId: last, limit: PAGE });
        for (const { id, blocksKey, key } of page) {
          if (clock.elapsed() > until) return { outcomes, lastId: last ?? null };
          last = id;
          const waits = blocksKey && key !== null;
          if (waits && keysDone.has(key)) continue;
          if (waits) keysDone.add(key);
          const tried = await inRun(
            dryRun,
            (tx) => (waits ? settleKey(tx, key, filter.cause === "PROCESS_KILLED") : settleOne(tx, id)),
            onTried,
          );
          for (const { outcome } of tried) outcomes[outcome] = (outcomes[outcome] ?? 0) + 1;
        }
        if (page.length < PAGE) return { outcomes, lastId: null };
      }
    },

    async within(tx, id) {
      await setLockWait(tx, LOCK_WAIT_MS);
      const [found] = await tx.select().from(deadLetter).where(eq(deadLetter.id, id));
      const key = found?.blocksKey ? found.key : null;
      if (key !== null) await lockKeys(tx, [key]);
      const entry = await deadLetterById(tx, id);
      if (entry === undefined || entry.replayedAt !== null) return "settled";
      const entries = key === null ? [entry] : await blockingDeadLetters(tx, key);
      return entries[0]?.cause === "PROCESS_KILLED" ? "poison" : settleCarefully(tx, entries);
    },

    async again(key) {
      return inRun(false, async (tx) => {
        await lockKeys(tx, [key]);
        const entries = await blockingDeadLetters(tx, key);
        const due = entries[0]?.retryAt;
        // Another replica may have tried it in between.
        return due && isDue(Date.parse(due), clock.now()) ? settleCarefully(tx, entries) : [];
      });
    },
  };
}
