import { firstIdAt, type Span } from "@shop/contracts/http/page";
import { DeadLetterCause, type DeadLetterState, type ReplayOutcome } from "@shop/contracts/http/dead-letter";
import type { Database, Transaction } from "@shop/database/connect";
import type { ReadDatabase } from "@shop/database/reader";
import { byId, spanWhere, uuidArray } from "@shop/database/rows";
import { and, asc, eq, gt, gte, isNotNull, isNull, lt, type SQL, sql } from "drizzle-orm";
import { unionAll } from "drizzle-orm/pg-core";
import { deadLetter } from "../schema.ts";

export type DeadLetterRow = typeof deadLetter.$inferSelect;

interface Filter {
  readonly cause: DeadLetterCause | undefined;
  readonly key: string | undefined;
}

interface ListOptions extends Filter {
  readonly state?: DeadLetterState | undefined;
  readonly span: Span;
  readonly limit: number;
}

const matches = ({ cause, key }: Filter) =>
  and(
    cause && eq(deadLetter.cause, cause),
    key === undefined ? undefined : and(eq(deadLetter.key, key), sql`${beginning(deadLetter.key)} = ${beginning(key)}`),
  );

/** As many characters of a key are in the indexes. */
const INDEXED = 64;
const beginning = (key: unknown) => sql`left(${key}, ${sql.raw(String(INDEXED))})`;

/** The dead letters of this database, in the order of a span. Those of a key are the first of each cause, put together. */
export async function listDeadLetters(
  db: ReadDatabase,
  { state, span, limit, cause, key }: ListOptions,
): Promise<DeadLetterRow[]> {
  const ofState = state === undefined ? undefined : (state === "OPEN" ? isNull : isNotNull)(deadLetter.replayedAt);
  const page = (where: SQL | undefined, orderBy: readonly SQL[]) =>
    db
      .select()
      .from(deadLetter)
      .where(and(where, ofState))
      .orderBy(...orderBy)
      .limit(limit);
  const all = spanWhere([], deadLetter.id, span);
  if (key === undefined && cause === undefined) return page(all.where, all.orderBy);
  const ofCause = (one: DeadLetterCause) => {
    const byKey = key === undefined ? [] : [[beginning(deadLetter.key), beginning(key)] as const];
    const { where, orderBy } = spanWhere([...byKey, [deadLetter.cause, one]], deadLetter.id, span);
    // A shorter key is the whole of what the index has; to ask for it as well could only mislead the planner.
    const isWhole = key === undefined || [...key].length < INDEXED;
    return page(isWhole ? where : and(where, eq(deadLetter.key, key)), orderBy);
  };
  if (cause !== undefined) return ofCause(cause);
  const [first, second, ...others] = DeadLetterCause.options.map(ofCause);
  return first === undefined || second === undefined
    ? []
    : unionAll(first, second, ...others)
        .orderBy(byId(deadLetter.id, span))
        .limit(limit);
}

interface OpenOptions extends Filter {
  /** Only those with these ids. */
  readonly ids?: readonly string[] | undefined;
  /** Only newer ones than this. */
  readonly afterId: string | undefined;
  readonly limit: number;
}

export interface OpenDeadLetter {
  readonly id: string;
  readonly blocksKey: boolean;
  readonly key: string | null;
}

/** The dead letters that have not been settled, oldest first. */
export function openDeadLetters(
  db: Database,
  { ids, afterId, limit, ...filter }: OpenOptions,
): Promise<OpenDeadLetter[]> {
  return db
    .select({ id: deadLetter.id, blocksKey: deadLetter.blocksKey, key: deadLetter.key })
    .from(deadLetter)
    .where(
      and(
        matches(filter),
        ids && sql`${deadLetter.id} = any(${uuidArray(ids)})`,
        isNull(deadLetter.replayedAt),
        afterId ? gt(deadLetter.id, afterId) : undefined,
      ),
    )
    .orderBy(asc(deadLetter.id))
    .limit(limit);
}

/** What a bulk replay is about. */
export interface DeadLettersMeant extends Filter {
  /** Instead of the filter. */
  readonly ids: readonly string[] | undefined;
  readonly from: string | undefined;
  readonly to: string | undefined;
  /** Those that were kept later are not meant. */
  readonly beforeId: string;
}

const meant = ({ ids, from, to, beforeId, ...filter }: DeadLettersMeant) =>
  and(
    isNull(deadLetter.replayedAt),
    ids === undefined
      ? and(
          matches(filter),
          lt(deadLetter.id, beforeId),
          from === undefined ? undefined : gte(deadLetter.id, firstIdAt(from)),
          to === undefined ? undefined : lt(deadLetter.id, firstIdAt(to)),
        )
      : sql`${deadLetter.id} = any(${uuidArray(ids)})`,
  );

/** How many open dead letters are meant, counted up to `atMost`. */
export async function countDeadLetters(db: ReadDatabase, which: DeadLettersMeant, atMost: number): Promise<number> {
  const [row] = await db.execute<{ count: number }>(
    sql`select count(*)::int as count from (select from dead_letter where ${meant(which)} limit ${atMost}) as counted`,
  );
  return row?.count ?? 0;
}

/** The next open dead letters that are meant, in the order of their ids. */
export async function nextDeadLetters(
  db: ReadDatabase,
  which: DeadLettersMeant,
  afterId: string | null,
  limit: number,
): Promise<readonly string[]> {
  const rows = await db
    .select({ id: deadLetter.id })
    .from(deadLetter)
    .where(and(meant(which), afterId === null ? undefined : gt(deadLetter.id, afterId)))
    .orderBy(asc(deadLetter.id))
    .limit(limit);
  return rows.map(({ id }) => id);
}

/** Dead letters by their ids, in the order of these. */
export async function deadLettersByIds(db: ReadDatabase, ids: readonly string[]): Promise<readonly DeadLetterRow[]> {
  return db
    .select()
    .from(deadLetter)
    .where(sql`${deadLetter.id} = any(${uuidArray(ids)})`)
    .orderBy(asc(deadLetter.id));
}

/** A dead letter, locked, whatever has become of it. */
export async function deadLetterById(tx: Transaction, id: string): Promise<DeadLetterRow | undefined> {
  const [entry] = await tx.select().from(deadLetter).where(eq(deadLetter.id, id)).for("update");
  return entry;
}

/** The messages that a key waits for, locked, in the order in which they came. */
export function blockingDeadLetters(tx: Transaction, key: string): Promise<DeadLetterRow[]> {
  return tx
    .select()
    .from(deadLetter)
    .where(and(eq(deadLetter.key, key), deadLetter.blocksKey, isNull(deadLetter.replayedAt)))
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
