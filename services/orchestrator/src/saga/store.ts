import type { Transaction } from "@shop/database/connect";
import { jsonValue, statement, uuidsValue } from "@shop/database/statement";
import { ExplainedError } from "@shop/runtime/errors";
import { lockWithoutWaiting } from "@shop/database/locks";
import { and, eq, inArray, isNull, lte, notInArray, type SQL, sql } from "drizzle-orm";
import { saga } from "../db/schema.ts";
import type { HistoryEntry, SagaState } from "./state.ts";

/** Locks the sagas of these keys, as far as that needs no waiting. @returns those of which another transaction has locked it */
export const lockFreeSagas = (tx: Transaction, keys: readonly string[]): Promise<ReadonlySet<string>> =>
  lockWithoutWaiting(tx, { table: sql`saga`, column: sql`saga.order_id` }, keys);

/** Another replica changed a saga in between. Its code is PostgreSQL's for a failed serialization, so that the same work is retried. */
class SagaChangedMeanwhile extends ExplainedError {
  override readonly name = "SagaChangedMeanwhile";
  readonly code = "40001";
}

// The fields of a state by their names, so that a row is one.
const lockStates = statement<SagaState<unknown, string> & Record<string, unknown>, "keys">(
  (value) => sql`
    select id, order_id as key, definition, version, status, step, data, reason, attempts,
      (extract(epoch from next_attempt_at) * 1000)::float8 as "nextAttemptAt", (extract(epoch from deadline) * 1000)::float8 as deadline,
      (extract(epoch from stuck_since) * 1000)::float8 as "stuckSince", traceparent, revision
    from saga where order_id = any(${value("keys")}::uuid[]) order by order_id for update`,
);

/** Reads the sagas of these keys and locks them until the transaction ends, in one order so that two replicas never wait for each other. */
export async function lockByKey<Data, Reason extends string>(
  tx: Transaction,
  keys: readonly string[],
): Promise<Map<string, SagaState<Data, Reason>>> {
  const rows = await lockStates(tx, { keys: uuidsValue(keys) });
  // The database holds the sagas of one kind.
  return new Map(rows.map((row) => [row.key, row as SagaState<Data, Reason>]));
}

/** Reads one saga and locks it until the transaction ends. */
export async function lockById<Data, Reason extends string>(
  tx: Transaction,
  id: string,
): Promise<SagaState<Data, Reason> | undefined> {
  const [row] = await tx.select().from(saga).where(eq(saga.id, id)).for("update");
  return row && toState(row);
}

/** Reads and locks sagas that nobody has woken since a time, because they are of none of these versions, and that are not shown as stuck yet. */
export function lockAbandoned<Data, Reason extends string>(
  tx: Transaction,
  versions: readonly number[],
  since: number,
  limit: number,
): Promise<readonly SagaState<Data, Reason>[]> {
  return lockOverdue(tx, and(notInArray(saga.version, [...versions]), isNull(saga.stuckSince)), since, limit);
}

/** Reads and locks sagas of these versions whose time has come. */
export function lockDue<Data, Reason extends string>(
  tx: Transaction,
  versions: readonly number[],
  now: number,
  limit: number,
): Promise<readonly SagaState<Data, Reason>[]> {
  return lockOverdue(tx, inArray(saga.version, [...versions]), now, limit);
}

/** The longest overdue first, leaving out those that another replica holds. */
async function lockOverdue<Data, Reason extends string>(
  tx: Transaction,
  condition: SQL | undefined,
  dueBy: number,
  limit: number,
): Promise<readonly SagaState<Data, Reason>[]> {
  const rows = await tx
    .select()
    .from(saga)
    .where(and(condition, lte(saga.nextAttemptAt, new Date(dueBy))))
    .orderBy(saga.nextAttemptAt)
    .limit(limit)
    .for("update", { skipLocked: true });
  return rows.map((row) => toState<Data, Reason>(row));
}

export interface SagaToSave {
  readonly state: SagaState<unknown, string>;
  /** The revision that it had when it was read; undefined for one that began now. */
  readonly readRevision: number | undefined;
  readonly history: readonly HistoryEntry[];
}

/**
 * Writes what became of sagas, and their history.
 * @throws an error that `isTransient` knows when another replica changed or began one of them meanwhile
 */
export async function save(tx: Transaction, sagas: readonly SagaToSave[], now: number): Promise<void> {
  const begun = sagas.filter(({ readRevision }) => readRevision === undefined);
  const changed = sagas.filter(({ readRevision }) => readRevision !== undefined);
  const history = sagas.flatMap(historyRows);
  const isCounting = history.some(({ isCounted }) => isCounted);
  const savedAt = new Date(now).toISOString();
  const [[saved]] = await Promise.all([
    saveAll(tx, {
      begun: jsonValue(begun.map(({ state }) => ({ ...toRow(state), data: state.data }))),
      changed: jsonValue(changed.map(({ state, readRevision }) => ({ ...toRow(state), readRevision }))),
      changedIds: uuidsValue(changed.map(({ state }) => state.id)),
      history: jsonValue(isCounting ? [] : history),
      savedAt,
    }),
    ...(isCounting ? [insertAndCountHistory(tx, { history: jsonValue(history) })] : []),
  ]);
  if (saved?.begun !== begun.length) throw new SagaChangedMeanwhile("another replica began one of these sagas");
  if (saved.changed !== changed.length) throw new SagaChangedMeanwhile("another replica changed one of these sagas");
}

const historyColumns = sql.raw(
  `"sagaId" uuid, seq bigint, at timestamptz, step text, message text, detail text, "isCounted" boolean`,
);
const insertHistory = sql.raw(`insert into saga_history (saga_id, seq, at, step, message, detail, last_at)
    select "sagaId", seq, at, step, message, detail, case when "isCounted" then at end`);

/** All that a batch of messages changes, in one statement: each further one costs both sides more than its rows do. */
const saveAll = statement<
  { begun: number; changed: number },
  "begun" | "changed" | "changedIds" | "history" | "savedAt"
>(
  (value) => sql`
    with begun as (
      insert into saga (id, order_id, definition, version, status, step, data, reason, attempts, next_attempt_at, deadline,
        stuck_since, traceparent, revision, created_at, updated_at)
      select id, key, definition, version, status, step, data, reason, attempts, "nextAttemptAt", deadline,
        "stuckSince", traceparent, revision, ${value("savedAt")}::timestamptz, ${value("savedAt")}::timestamptz
      from json_to_recordset(${value("begun")}::json) as r(
        id uuid, key uuid, definition text, version int, status text, step text, data jsonb, reason text, attempts int,
        "nextAttemptAt" timestamptz, deadline timestamptz, "stuckSince" timestamptz, traceparent text, revision int)
      on conflict do nothing returning 1),
    changed as (
      update saga set
        status = r.status, step = r.step, reason = r.reason, attempts = r.attempts, next_attempt_at = r."nextAttemptAt",
        deadline = r.deadline, stuck_since = r."stuckSince", revision = r.revision, updated_at = ${value("savedAt")}::timestamptz
      from json_to_recordset(${value("changed")}::json) as r(
        id uuid, status text, step text, reason text, attempts int, "nextAttemptAt" timestamptz, deadline timestamptz,
        "stuckSince" timestamptz, revision int, "readRevision" int)
      where saga.id = r.id and saga.revision = r."readRevision"
        -- Without this the planner can choose to scan the whole table for the join.
        and saga.id = any(${value("changedIds")}::uuid[])
      returning 1),
    noted as (
      ${insertHistory} from json_to_recordset(${value("history")}::json) as r(${historyColumns}))
    select (select count(*) from begun)::int as begun, (select count(*) from changed)::int as changed`,
);

// The sagas are locked, so nobody adds an entry meanwhile.
const insertAndCountHistory = statement<never, "history">(
  (value) => sql`
    with given as (select * from json_to_recordset(${value("history")}::json) as r(${historyColumns})),
    counted as (
      update saga_history set times = saga_history.times + 1, last_at = given.at, detail = given.detail
      from given cross join lateral (
        select saga_id, seq, step, detail, last_at from saga_history where saga_id = given."sagaId" order by seq desc limit 1) as last
      where given."isCounted" and last.last_at is not null and last.step = given.step
        and split_part(last.detail, ':', 1) = split_part(given.detail, ':', 1)
        and saga_history.saga_id = last.saga_id and saga_history.seq = last.seq
      returning given."sagaId", given.seq)
    ${insertHistory} from given where not exists (
      select from counted where counted."sagaId" = given."sagaId" and counted.seq = given.seq)`,
);

/** History entries are numbered by the revision they came from; more than this many in one change would collide, and be refused. */
const HISTORY_PER_REVISION = 10_000;

function historyRows({ state, readRevision, history }: SagaToSave) {
  return history.map((entry, index) => ({
    ...entry,
    sagaId: state.id,
    seq: (readRevision ?? 0) * HISTORY_PER_REVISION + index,
    at: new Date(entry.at),
  }));
}

const toDate = (ms: number | null) => (ms === null ? null : new Date(ms));
const toMs = (date: Date | null) => date?.getTime() ?? null;

function toState<Data, Reason extends string>(row: typeof saga.$inferSelect): SagaState<Data, Reason> {
  const { id, orderId: key, definition, version, status, step, data, reason, attempts, traceparent, revision } = row;
  return {
    ...{ id, key, definition, version, status, step, attempts, traceparent, revision },
    // The database holds the sagas of one kind.
    data: data as Data,
    reason: reason as Reason | null,
    nextAttemptAt: toMs(row.nextAttemptAt),
    deadline: toMs(row.deadline),
    stuckSince: toMs(row.stuckSince),
  };
}

/** What is written of a state, but for what it is about. */
function toRow({ data: _data, ...state }: SagaState<unknown, string>): object {
  return {
    ...state,
    nextAttemptAt: toDate(state.nextAttemptAt),
    deadline: toDate(state.deadline),
    stuckSince: toDate(state.stuckSince),
  };
}
