import { firstIdAt, isInSpan, lookThrough, type Span } from "@shop/contracts/http/page";
import { type Saga, type SagaHistoryEntry, SagaStatus, SagaStep, SHOWN_HISTORY } from "@shop/contracts/http/saga";
import type { Selection } from "@shop/database/bulk-operations";
import type { Database } from "@shop/database/connect";
import type { ReadDatabase } from "@shop/database/reader";
import { byId, spanWhere, uuidArray } from "@shop/database/rows";
import type { CancelReason } from "@shop/contracts/primitives";
import { and, asc, eq, gt, gte, isNotNull, isNull, lt, type SQL, sql } from "drizzle-orm";
import { unionAll } from "drizzle-orm/pg-core";
import { saga } from "./schema.ts";

/** By what sagas are looked for. */
export interface SagaFilter {
  readonly status?: SagaStatus | undefined;
  readonly step?: SagaStep | undefined;
  /** Why it compensates, or was cancelled. */
  readonly reason?: CancelReason | undefined;
}

/** By what of their orders sagas are looked for. */
export interface OrderFilter {
  readonly customerId?: string | undefined;
  readonly productId?: string | undefined;
}

export interface SagasToList extends SagaFilter {
  readonly orderId?: string | undefined;
  readonly span: Span;
  readonly limit: number;
}

type SagaRow = typeof saga.$inferSelect;

/** A page of sagas by what of their orders no index serves. */
export async function lookForSagas(db: ReadDatabase, wanted: SagasToList, order: OrderFilter) {
  const [customer, product] = [order.customerId?.toLowerCase(), order.productId?.toLowerCase()];
  const isWanted = ({ data: { customerId, items } }: SagaRow) =>
    (customer ?? customerId) === customerId &&
    (product === undefined || items.some(({ productId }) => productId === product));
  const page = await lookThrough(wanted, isWanted, (span, limit) => sagaRows(db, { ...wanted, span, limit }));
  return { ...page, items: [...(await withHistory(db, page.items))] };
}

/** Sagas with their history, in the order of a span. */
export async function listSagas(db: ReadDatabase, wanted: SagasToList): Promise<readonly Saga[]> {
  return withHistory(db, await sagaRows(db, wanted));
}

/**
 * Of one status and step, and one reason where that is asked for, they are read in their order from an index; of one of the two, they are the
 * first of each that the other can be, put together.
 */
async function sagaRows(
  db: ReadDatabase,
  { status, step, reason, orderId, span, limit }: SagasToList,
): Promise<readonly SagaRow[]> {
  // The index has those that have a reason.
  const hasReason = reason === undefined ? undefined : isNotNull(saga.reason);
  const page = ({ where, orderBy }: ReturnType<typeof spanWhere>) =>
    db
      .select()
      .from(saga)
      .where(and(where, hasReason))
      .orderBy(...orderBy)
      .limit(limit);
  const all = spanWhere([], saga.id, span);
  if (orderId !== undefined) {
    // One at most: to look for it by anything else as well could only mislead the planner.
    const [found] = await db.select().from(saga).where(eq(saga.orderId, orderId));
    if (found === undefined) return [];
    const isWanted =
      (status ?? statusOf(found)) === statusOf(found) &&
      (step ?? found.step) === found.step &&
      (reason ?? found.reason) === found.reason;
    return isWanted && isInSpan(found.id, span) ? [found] : [];
  }
  if (status === undefined && step === undefined && reason === undefined) return page(all);
  const ofReason = reason === undefined ? [] : [[saga.reason, reason] as const];
  const ofStatus = (wanted: SagaStatus, ofStep: SagaStep) =>
    page(spanWhere([...ofReason, [SHOWN_STATUS, wanted], [saga.step, ofStep]], saga.id, span));
  const statuses = status === undefined ? SagaStatus.options : [status];
  const steps = step === undefined ? SagaStep.options : [step];
  const [first, second, ...others] = statuses.flatMap((one) => steps.map((ofStep) => ofStatus(one, ofStep)));
  if (first === undefined) return [];
  if (second === undefined) return first;
  return unionAll(first, second, ...others)
    .orderBy(byId(saga.id, span))
    .limit(limit);
}

export const statusOf = ({ status, stuckSince }: Pick<typeof saga.$inferSelect, "status" | "stuckSince">): SagaStatus =>
  stuckSince === null ? status : "STUCK";

/** The status that an admin sees, as `saga_by_status` has it. */
const SHOWN_STATUS = sql`(case when ${saga.stuckSince} is null then ${saga.status} else 'STUCK' end)`;

export async function findSaga(db: ReadDatabase, id: string): Promise<Saga | undefined> {
  const rows = await db.select().from(saga).where(eq(saga.id, id));
  const [found] = await withHistory(db, rows);
  return found;
}

/** Sagas that have not ended, by the status that an admin sees. */
export interface OpenSagas {
  readonly byStatus: Readonly<Record<"RUNNING" | "COMPENSATING" | "STUCK", number>>;
  /** Milliseconds since the epoch; null when none is stuck. */
  readonly oldestStuckSince: number | null;
}

/** Counts by the index of sagas that are due some time: those that have ended, which are most, are not looked at. */
export async function countOpenSagas(db: Database): Promise<OpenSagas> {
  const counted = (status: SagaStatus) => sql<number>`(count(*) filter (where ${hasStatus(status)}))::int`;
  const [row] = await db
    .select({
      RUNNING: counted("RUNNING"),
      COMPENSATING: counted("COMPENSATING"),
      STUCK: counted("STUCK"),
      oldest: sql<number | null>`(extract(epoch from min(${saga.stuckSince})) * 1000)::float8`,
    })
    .from(saga)
    .where(isNotNull(saga.nextAttemptAt));
  const { oldest = null, ...byStatus } = row ?? { RUNNING: 0, COMPENSATING: 0, STUCK: 0 };
  return { byStatus, oldestStuckSince: oldest };
}

function hasStatus(status: SagaStatus): SQL | undefined {
  return status === "STUCK" ? isNotNull(saga.stuckSince) : and(eq(saga.status, status), isNull(saga.stuckSince));
}

/** Sagas with the last entries of their histories. */
async function withHistory(db: ReadDatabase, rows: readonly (typeof saga.$inferSelect)[]): Promise<readonly Saga[]> {
  if (rows.length === 0) return [];
  const ids = uuidArray(rows.map(({ id }) => id));
  const [entries, counts] = await Promise.all([
    db.execute<EntryRow>(sql`
      select entry.saga_id as "sagaId", ${ENTRY} from unnest(${ids}) as wanted(id) cross join lateral (
        select * from saga_history where saga_id = wanted.id order by seq desc limit ${sql.raw(String(SHOWN_HISTORY))}) as entry
      order by entry.saga_id, entry.seq`),
    db.execute<{ sagaId: string; count: number }>(sql`
      select saga_id as "sagaId", count(*)::int as count from saga_history where saga_id = any(${ids}) group by saga_id`),
  ]);
  const entriesOf = Map.groupBy(entries, ({ sagaId }) => sagaId);
  const countOf = new Map(counts.map(({ sagaId, count }) => [sagaId, count]));
  return rows.map(({ id, orderId, status, step, attempts, deadline, stuckSince, version }) => ({
    ...{ id, orderId, step, attempts, version },
    status: statusOf({ status, stuckSince }),
    deadline: deadline?.toISOString() ?? null,
    historyCount: countOf.get(id) ?? 0,
    history: (entriesOf.get(id) ?? []).map(toEntry),
  }));
}

interface EntryRow extends Record<string, unknown> {
  readonly sagaId: string;
  readonly seq: string;
  readonly atMs: number;
  readonly step: SagaStep;
  readonly message: string | null;
  readonly detail: string;
  readonly times: number;
  readonly lastAtMs: number;
}

const ENTRY =
  sql.raw(`entry.seq, (extract(epoch from entry.at) * 1000)::float8 as "atMs", entry.step, entry.message, entry.detail,
  entry.times, (extract(epoch from coalesce(entry.last_at, entry.at)) * 1000)::float8 as "lastAtMs"`);

const toEntry = ({ atMs, step, message, detail, times, lastAtMs }: EntryRow): SagaHistoryEntry => ({
  ...{ at: new Date(atMs).toISOString(), step, message, detail, times },
  lastAt: new Date(lastAtMs).toISOString(),
});

export interface HistoryToList {
  readonly sagaId: string;
  /** Only entries before this one. */
  readonly beforeSeq: bigint | undefined;
  readonly limit: number;
}

/** What happened in a saga, newest first. @returns each entry with its number in the history; undefined when there is no such saga */
export async function listHistory(
  db: ReadDatabase,
  { sagaId, beforeSeq, limit }: HistoryToList,
): Promise<readonly { readonly seq: bigint; readonly entry: SagaHistoryEntry }[] | undefined> {
  const [known] = await db.select({ id: saga.id }).from(saga).where(eq(saga.id, sagaId));
  if (known === undefined) return undefined;
  const before = beforeSeq === undefined ? sql`` : sql`and entry.seq < ${String(beforeSeq)}::bigint`;
  const rows = await db.execute<EntryRow>(sql`
    select entry.saga_id as "sagaId", ${ENTRY} from saga_history as entry
    where entry.saga_id = ${sagaId} ${before} order by entry.seq desc limit ${limit}`);
  return rows.map((row) => ({ seq: BigInt(row.seq), entry: toEntry(row) }));
}

/** What a bulk operation on sagas is about, as a condition. */
function meant({ ids, filter = {}, beforeId }: Selection): SQL | undefined {
  if (ids !== undefined) return sql`${saga.id} = any(${uuidArray(ids)})`;
  const { status, step, reason, customerId, productId, from, to } = filter;
  const bounds = [
    lt(saga.id, beforeId),
    from === undefined ? undefined : gte(saga.id, firstIdAt(from)),
    to === undefined ? undefined : lt(saga.id, firstIdAt(to)),
  ];
  return and(
    ...bounds,
    status === undefined ? undefined : sql`${SHOWN_STATUS} = ${status}`,
    step === undefined ? undefined : sql`${saga.step} = ${step}`,
    reason === undefined ? undefined : sql`${saga.reason} = ${reason}`,
    customerId === undefined ? undefined : sql`${saga.data} ->> 'customerId' = ${customerId.toLowerCase()}`,
    productId === undefined
      ? undefined
      : sql`${saga.data} -> 'items' @> ${JSON.stringify([{ productId: productId.toLowerCase() }])}::jsonb`,
  );
}

/** How many sagas a selection means, counted up to `atMost`. */
export async function countMeant(db: ReadDatabase, selection: Selection, atMost: number): Promise<number> {
  const [row] = await db.execute<{ count: number }>(
    sql`select count(*)::int as count from (select from saga where ${meant(selection)} limit ${atMost}) as counted`,
  );
  return row?.count ?? 0;
}

/** The next sagas of a selection, in the order of their ids. */
export async function nextMeant(
  db: ReadDatabase,
  selection: Selection,
  afterId: string | null,
  limit: number,
): Promise<readonly string[]> {
  const rows = await db
    .select({ id: saga.id })
    .from(saga)
    .where(and(meant(selection), afterId === null ? undefined : gt(saga.id, afterId)))
    .orderBy(asc(saga.id))
    .limit(limit);
  return rows.map(({ id }) => id);
}

/** Which orders these sagas are of, where they are. */
export async function briefly(db: ReadDatabase, ids: readonly string[]) {
  const rows = await db
    .select()
    .from(saga)
    .where(sql`${saga.id} = any(${uuidArray(ids)})`)
    .orderBy(asc(saga.id));
  return rows.map((row) => ({ id: row.id, orderId: row.orderId, status: statusOf(row), step: row.step }));
}
