import type { DeadLetterCause, ReplayOutcome } from "@shop/contracts/http/dead-letter";
import type { Topic } from "@shop/contracts/messages/define";
import type { Database, Transaction } from "@shop/database/connect";
import { isTransient } from "@shop/database/errors";
import { inTransaction } from "@shop/database/transaction";
import { type Clock, instant } from "@shop/runtime/clock";
import { and, desc, eq, lt, sql } from "drizzle-orm";
import { decode, type Received } from "./decode.ts";
import { type MessageHandlers, Refused } from "./handlers.ts";
import type { Outbox } from "./outbox.ts";
import { deadLetter } from "./schema.ts";

export type DeadLetterRow = typeof deadLetter.$inferSelect;

interface ListOptions {
  readonly cause: DeadLetterCause | undefined;
  /** Only older ones than this. */
  readonly afterId: string | undefined;
  readonly limit: number;
}

/** The dead letters of this database, newest first. */
export function listDeadLetters(db: Database, { cause, afterId, limit }: ListOptions): Promise<DeadLetterRow[]> {
  return db
    .select()
    .from(deadLetter)
    .where(and(cause && eq(deadLetter.cause, cause), afterId ? lt(deadLetter.id, afterId) : undefined))
    .orderBy(desc(deadLetter.id))
    .limit(limit);
}

export type ReplayResult =
  | {
      readonly kind: "tried";
      readonly outcome: ReplayOutcome;
      readonly detail: string | null;
      readonly key: string | null;
    }
  | { readonly kind: "unknown" }
  | { readonly kind: "replayed before" };

interface ReplayOptions {
  readonly db: Database;
  readonly handlers: MessageHandlers;
  readonly outbox: Outbox;
  /** Called when messages have been committed to the outbox. */
  readonly onCommitted: () => void;
  /** Called with the keys of messages whose effects have been committed. */
  readonly onHandled: (keys: readonly string[]) => void;
  readonly clock: Clock;
}

/** Ends the transaction of a dry run: everything was tried, nothing is kept. */
class DryRun extends Error {
  override readonly name = "DryRun";
  readonly result: ReplayResult;

  constructor(result: ReplayResult) {
    super("a dry run is taken back");
    this.result = result;
  }
}

const SUCCESSES: readonly ReplayOutcome[] = ["APPLIED", "KNOWN", "NOT_HANDLED"];

/**
 * Handles a dead letter again, by this service's own handlers and through its inbox: so it is applied once, whatever else
 * delivers the same message. What cannot be handled this time either stays a dead letter.
 * A dry run does all of it and takes it back.
 * @throws when the database is away; then nothing has happened
 */
export function createReplay({ db, handlers, outbox, onCommitted, onHandled, clock }: ReplayOptions) {
  async function apply(tx: Transaction, message: Received): Promise<ReplayOutcome> {
    const written = await tx.execute(
      sql`insert into inbox (message_id) values (${message.id}) on conflict do nothing returning message_id`,
    );
    if (written.length === 0) return "KNOWN";
    await outbox.send(tx, await handlers.handle(tx, [message]));
    return "APPLIED";
  }

  async function tryToApply(tx: Transaction, letter: DeadLetterRow) {
    const { topic, partition, recordOffset, key, payload: value, headers } = letter;
    const record = { partition, offset: String(recordOffset), key, value };
    // Both were written from a record of the broker.
    const decoded = decode({ ...record, topic: topic as Topic, headers: headers as Record<string, string> });
    if (decoded.kind === "undecodable") {
      const { cause, detail } = decoded.letter;
      return { outcome: "UNREADABLE", detail: `${cause}: ${detail}` } as const;
    }
    const { message } = decoded;
    if (!handlers.types.has(message.type)) return { outcome: "NOT_HANDLED", detail: null } as const;
    try {
      // A transaction within: what a handler has done before it failed is taken back.
      return { outcome: await tx.transaction((inner) => apply(inner, message)), detail: null };
    } catch (error) {
      if (isTransient(error)) throw error;
      const outcome = error instanceof Refused ? "REFUSED" : "FAILED";
      return { outcome, detail: error instanceof Error ? error.message : String(error) } as const;
    }
  }

  async function replayIn(tx: Transaction, id: string): Promise<ReplayResult> {
    const [letter] = await tx.select().from(deadLetter).where(eq(deadLetter.id, id)).for("update");
    if (letter === undefined) return { kind: "unknown" };
    if (letter.replayedAt !== null) return { kind: "replayed before" };
    const { outcome, detail } = await tryToApply(tx, letter);
    if (SUCCESSES.includes(outcome)) {
      await tx
        .update(deadLetter)
        .set({ replayedAt: instant(clock) })
        .where(eq(deadLetter.id, id));
    }
    return { kind: "tried", outcome, detail, key: letter.key };
  }

  return async function replay(id: string, { dryRun }: { readonly dryRun: boolean }): Promise<ReplayResult> {
    const tried = await inTransaction(db, async (tx) => {
      const result = await replayIn(tx, id);
      if (dryRun) throw new DryRun(result);
      return result;
    }).catch((error: unknown) => {
      if (error instanceof DryRun) return error.result;
      throw error;
    });
    if (!dryRun && tried.kind === "tried" && tried.outcome === "APPLIED") {
      onCommitted();
      if (tried.key !== null) onHandled([tried.key]);
    }
    return tried;
  };
}

export type Replay = ReturnType<typeof createReplay>;
