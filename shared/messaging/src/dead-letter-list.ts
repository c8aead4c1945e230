import type { DeadLetterCause, ReplayOutcome } from "@shop/contracts/http/dead-letter";
import type { Database, Transaction } from "@shop/database/connect";
import type { ReadDatabase } from "@shop/database/reader";
import { and, asc, desc, eq, gt, isNull, lt, sql } from "drizzle-orm";
import { deadLetter } from "./schema.ts";

export type DeadLetterRow = typeof deadLetter.$inferSelect;

interface Filter {
  readonly cause: DeadLetterCause | undefined;
  readonly key: string | undefined;
}

interface ListOptions extends Filter {
  /** Only older ones than this. */
  readonly afterId: string | undefined;
  readonly limit: number;
}

const matches = ({ cause, key }: Filter) =>
  and(cause && eq(deadLetter.cause, cause), key === undefined ? undefined : eq(deadLetter.key, key));

/** The dead letters of this database, newest first. */
export function listDeadLetters(
  db: ReadDatabase,
  { afterId, limit, ...filter }: ListOptions,
): Promise<DeadLetterRow[]> {
  return db
    .select()
    .from(deadLetter)
    .where(and(matches(filter), afterId ? lt(deadLetter.id, afterId) : undefined))
    .orderBy(desc(deadLetter.id))
    .limit(limit);
}

interface OpenOptions extends Filter {
  /** Only newer ones than this. */
  readonly afterId: string | undefined;
  readonly limit: number;
}

export interface OpenLetter {
  readonly id: string;
  readonly holds: boolean;
  readonly key: string | null;
}

/** The dead letters that have not been settled, oldest first. */
export function openLetters(db: Database, { afterId, limit, ...filter }: OpenOptions): Promise<OpenLetter[]> {
  return db
    .select({ id: deadLetter.id, holds: deadLetter.holds, key: deadLetter.key })
    .from(deadLetter)
    .where(and(matches(filter), isNull(deadLetter.replayedAt), afterId ? gt(deadLetter.id, afterId) : undefined))
    .orderBy(asc(deadLetter.id))
    .limit(limit);
}

/** A letter, locked, whatever has become of it. */
export async function letterById(tx: Transaction, id: string): Promise<DeadLetterRow | undefined> {
  const [letter] = await tx.select().from(deadLetter).where(eq(deadLetter.id, id)).for("update");
  return letter;
}

/** The messages that a key waits for, locked, in the order in which they came. */
export function holdingLetters(tx: Transaction, key: string): Promise<DeadLetterRow[]> {
  return tx
    .select()
    .from(deadLetter)
    .where(and(eq(deadLetter.key, key), deadLetter.holds, isNull(deadLetter.replayedAt)))
    .orderBy(asc(deadLetter.seq))
    .for("update");
}

/** How many have not been settled, by cause. */
export async function countOpen(db: Database): Promise<readonly { readonly cause: string; readonly count: number }[]> {
  return await db.execute<{ cause: string; count: number }>(sql`
    select cause, count(*)::int as count from dead_letter where replayed_at is null group by cause`);
}

/** With these a message is settled. */
export const SETTLED: readonly ReplayOutcome[] = ["APPLIED", "KNOWN", "NOT_HANDLED"];
