import type { Database, Transaction } from "@shop/database/connect";
import { isSerializationFailure } from "@shop/database/errors";
import { jsonRows } from "@shop/database/rows";
import { inTransaction } from "@shop/database/transaction";
import { type SQL, sql } from "drizzle-orm";
import { broughtInBetween, heldBetween, partSums } from "./stock-audit-parts.ts";

/** A product whose stock its books do not explain: `broughtIn` must be `stock` and `taken` together, and `taken` what orders hold. */
export interface Imbalance {
  readonly productId: string;
  readonly name: string;
  readonly broughtIn: number;
  readonly stock: number;
  readonly taken: number;
  readonly held: number;
}

/** Why a round counted from the first row. */
export type RecountReason =
  /** Nothing was counted before. */
  | "FIRST"
  /** The totals are of another database: this one was restored from a dump, and its transaction ids began again. */
  | "RESTORED"
  /** The totals are older than `RECOUNT_MS`, or the caller asked. */
  | "DUE"
  /** By the totals a product does not balance: the rows say whether that is so. */
  | "IMBALANCE";

export interface AuditRound {
  readonly imbalances: readonly Imbalance[];
  /** Undefined when the round read only what was written since the last one. */
  readonly recounted: RecountReason | undefined;
  /** Reservations and stock changes that were read. */
  readonly rowsRead: number;
}

export interface AuditOptions {
  readonly signal: AbortSignal;
  readonly now: Date;
  /** Counts from the first row, whatever was counted before. */
  readonly isFull?: boolean;
  /** Rows of a statement that walks over a table. */
  readonly page?: number;
  /** Transaction ids of a statement that reads what was written since the last round. */
  readonly transactions?: number;
}

/** Rows of one statement: however many there are in all, none comes near the time that a statement may take. */
const PAGE = 20_000;
/** A transaction writes up to some hundreds of reservations, and most transactions none. */
const TRANSACTIONS = 5_000;
/** A count from the first row finds what was changed in the rows by hand, or in the totals. It takes about a second for a million rows. */
const RECOUNT_MS = 24 * 60 * 60_000;
const ATTEMPTS = 5;

/**
 * Compares each product with its stock changes and with the orders that hold some of it, all as of one snapshot. A round reads what was written
 * by transactions that the snapshot of the last one did not see, and adds it to the totals of then. Only a count from the first row tells of an
 * imbalance: a round that finds one by the totals counts again. Rows are read in parts, so that no statement grows with the tables. Only other
 * audits see its lock: of several at once one keeps its totals.
 * @returns null when `signal` was aborted before the end
 */
export async function auditBooks(db: Database, options: AuditOptions): Promise<AuditRound | null> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await auditOnce(db, options);
    } catch (error) {
      // Another audit was kept between this one's snapshot and its lock.
      if (attempt === ATTEMPTS || !isSerializationFailure(error)) throw error;
    }
  }
}

async function auditOnce(db: Database, options: AuditOptions): Promise<AuditRound | null> {
  const { signal, now, isFull = false, page = PAGE, transactions = TRANSACTIONS } = options;
  return inTransaction(db, async (tx) => {
    await tx.execute(sql`set transaction isolation level repeatable read`);
    const { last, isKept } = await lastRound(tx);
    const present = await presentMoment(tx);
    const reason = isFull ? "DUE" : reasonToRecount(last, present, now);

    if (last !== undefined && reason === undefined) {
      const since = await countSince(tx, { last, end: present.end, transactions, signal });
      const imbalances = await compare(tx, { counted: since, isRecount: false, isKept, page, signal });
      if (imbalances === null) return null;
      if (imbalances.length === 0) {
        if (isKept) await keepRound(tx, present, last.countedAt);
        return { imbalances, recounted: undefined, rowsRead: since.rowsRead };
      }
    }

    const all = await countAll(tx, page, signal);
    const imbalances = await compare(tx, { counted: all, isRecount: true, isKept, page, signal });
    if (imbalances === null) return null;
    if (isKept) await keepRound(tx, present, now);
    return { imbalances, recounted: reason ?? "IMBALANCE", rowsRead: all.rowsRead };
  });
}

/** A moment of a database, as its transaction ids say it. */
interface Moment {
  readonly snapshot: string;
  /** The snapshot sees whatever transactions before this id wrote. */
  readonly begin: number;
  /** What the snapshot sees was written by transactions before this id. */
  readonly end: number;
  /** The cluster and the database whose ids these are. */
  readonly database: string;
}

interface Round extends Moment {
  /** When everything was last counted from the first row. */
  readonly countedAt: Date;
}

function reasonToRecount(last: Round | undefined, present: Moment, now: Date): RecountReason | undefined {
  if (last === undefined) return "FIRST";
  if (last.database !== present.database || last.end > present.end) return "RESTORED";
  return Math.abs(now.getTime() - last.countedAt.getTime()) >= RECOUNT_MS ? "DUE" : undefined;
}

/**
 * Finds the last round, and locks it so that this one can be kept. When another audit has the lock, this round begins from the same totals and
 * is not kept.
 */
async function lastRound(tx: Transaction): Promise<{ readonly last: Round | undefined; readonly isKept: boolean }> {
  const round = sql`
    select ${momentOf(sql`snapshot::pg_snapshot`)}, database, extract(epoch from counted_at)::float8 * 1000 as "countedAt"
    from stock_audit`;
  type Row = { readonly [Key in keyof Moment]: Moment[Key] | null } & { readonly countedAt: number | null };
  const [locked] = await tx.execute<Row>(sql`${round} for no key update skip locked`);
  const row = locked ?? (await tx.execute<Row>(round))[0];
  const isKept = locked !== undefined;
  if (row === undefined || row.countedAt === null) return { last: undefined, isKept };
  return { last: { ...(row as Moment), countedAt: new Date(row.countedAt) }, isKept };
}

const momentOf = (snapshot: SQL) => sql`
  (${snapshot})::text as snapshot, pg_snapshot_xmin(${snapshot})::text::float8 as begin, pg_snapshot_xmax(${snapshot})::text::float8 as end`;

/** A database that is restored has another oid, or another cluster's identifier. One that fails over, or is restored as a whole, has the same. */
async function presentMoment(tx: Transaction): Promise<Moment> {
  const [row] = await tx.execute<Moment & Record<string, unknown>>(sql`
    select ${momentOf(sql`pg_current_snapshot()`)},
      (select system_identifier from pg_control_system()) || '/' || (select oid from pg_database where datname = current_database()) as database`);
  return row as Moment;
}

async function keepRound(tx: Transaction, { snapshot, database }: Moment, countedAt: Date): Promise<void> {
  await tx.execute(sql`
    update stock_audit set snapshot = ${snapshot}, database = ${database}, counted_at = ${countedAt.toISOString()}`);
}

/** What rows say of products, by their ids: as it is, or by how much it has changed. */
interface Counted {
  readonly held: ReadonlyMap<string, number>;
  readonly broughtIn: ReadonlyMap<string, number>;
  readonly rowsRead: number;
}

/** Sums up all rows, page by page. */
async function countAll(tx: Transaction, page: number, signal: AbortSignal): Promise<Counted> {
  const held = await sumUp(tx, signal, {
    first: NO_ID,
    part: (after) => sql`
      with part as (
        select order_id as cursor, status, items from reservation where order_id > ${after}::uuid order by order_id limit ${page})
      select ${lastCursor}, ${partSums(sql`
        select item."productId", sum(item.quantity)::float8 as total
        from part, jsonb_to_recordset(items) as item("productId" uuid, quantity int) where status = 'TAKEN' group by 1`)}`,
    next: ({ last }) => last,
  });
  const broughtIn = await sumUp(tx, signal, {
    first: "0",
    part: (after) => sql`
      with part as (
        select id as cursor, product_id, delta from stock_change where id > ${after}::bigint order by id limit ${page})
      select ${lastCursor}, ${partSums(sql`
        select product_id as "productId", sum(delta)::float8 as total from part group by 1`)}`,
    next: ({ last }) => last,
  });
  return { held: held.totals, broughtIn: broughtIn.totals, rowsRead: held.rowsRead + broughtIn.rowsRead };
}

/**
 * Sums up what rows that were written since a snapshot have changed: those of transactions that it does not see. A reservation that was decided
 * before, and so was counted, can only have been returned since.
 */
async function countSince(tx: Transaction, { last, end, transactions, signal }: SinceOptions): Promise<Counted> {
  const { snapshot, begin } = last;
  const parts = {
    first: begin,
    next: (_row: PartRow, from: number) => (from + transactions < end ? from + transactions : null),
  };
  const between = (from: number) => ({ last: snapshot, end, from, to: Math.min(end, from + transactions) });
  const held = await sumUp(tx, signal, { ...parts, part: (from: number) => heldBetween(between(from)) });
  const broughtIn = await sumUp(tx, signal, { ...parts, part: (from: number) => broughtInBetween(between(from)) });
  return { held: held.totals, broughtIn: broughtIn.totals, rowsRead: held.rowsRead + broughtIn.rowsRead };
}

interface SinceOptions {
  readonly last: Moment;
  readonly end: number;
  readonly transactions: number;
  readonly signal: AbortSignal;
}

/** No id comes before it. */
const NO_ID = "00000000-0000-0000-0000-000000000000";
const lastCursor = sql`(select part.cursor::text from part order by part.cursor desc limit 1) as last`;

interface PartRow extends Record<string, unknown> {
  readonly last: string | null;
  readonly rows: number;
  readonly sums: readonly { readonly productId: string; readonly total: number }[] | null;
}

/** Sums up by product what the parts of a table give, until there is none left or `signal` is aborted. */
async function sumUp<Cursor>(
  tx: Transaction,
  signal: AbortSignal,
  parts: {
    readonly first: Cursor;
    readonly part: (cursor: Cursor) => SQL;
    readonly next: (row: PartRow, cursor: Cursor) => Cursor | null;
  },
): Promise<{ readonly totals: ReadonlyMap<string, number>; readonly rowsRead: number }> {
  const totals = new Map<string, number>();
  let rowsRead = 0;
  for (let cursor: Cursor | null = parts.first; cursor !== null && !signal.aborted;) {
    const [row] = await tx.execute<PartRow>(parts.part(cursor));
    if (row === undefined) break;
    for (const { productId, total } of row.sums ?? []) totals.set(productId, (totals.get(productId) ?? 0) + total);
    rowsRead += row.rows;
    cursor = parts.next(row, cursor);
  }
  return { totals, rowsRead };
}

interface ProductTotals extends Record<string, unknown> {
  readonly id: string;
  readonly name: string;
  readonly stock: number;
  readonly taken: number;
  /** As of the last round; null for a product that it did not count. */
  readonly held: number | null;
  readonly broughtIn: number | null;
}

/**
 * Compares all products with what was counted, and writes the totals that have changed if they are to be kept.
 * @returns null when `signal` was aborted before the end
 */
async function compare(
  tx: Transaction,
  { counted, isRecount, isKept, page, signal }: CompareOptions,
): Promise<readonly Imbalance[] | null> {
  const found: Imbalance[] = [];
  for (let after = NO_ID; !signal.aborted;) {
    const rows = await tx.execute<ProductTotals>(sql`
      select id, name, stock, taken, held::float8 as held, brought_in::float8 as "broughtIn"
      from product left join stock_audit_total on product_id = id where id > ${after}::uuid order by id limit ${page}`);
    const changed: object[] = [];
    for (const { id, name, stock, taken, ...before } of rows) {
      const held = (isRecount ? 0 : (before.held ?? 0)) + (counted.held.get(id) ?? 0);
      const broughtIn = (isRecount ? 0 : (before.broughtIn ?? 0)) + (counted.broughtIn.get(id) ?? 0);
      if (held !== before.held || broughtIn !== before.broughtIn) changed.push({ productId: id, held, broughtIn });
      if (stock + taken !== broughtIn || taken !== held)
        found.push({ productId: id, name, stock, taken, broughtIn, held });
    }
    if (isKept && changed.length > 0) await keepTotals(tx, changed);
    const last = rows.at(-1);
    if (last === undefined) return found;
    after = last.id;
  }
  return null;
}

interface CompareOptions {
  readonly counted: Counted;
  /** Whether what was counted are the totals; otherwise it is added to those of the last round. */
  readonly isRecount: boolean;
  readonly isKept: boolean;
  readonly page: number;
  readonly signal: AbortSignal;
}

async function keepTotals(tx: Transaction, totals: readonly object[]): Promise<void> {
  await tx.execute(sql`
    insert into stock_audit_total (product_id, held, brought_in)
    select "productId", held, "broughtIn" from json_to_recordset(${jsonRows(totals)}) as counted("productId" uuid, held bigint, "broughtIn" bigint)
    on conflict (product_id) do update set held = excluded.held, brought_in = excluded.brought_in`);
}
