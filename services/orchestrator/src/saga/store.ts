import type { OrderSnapshot } from "@shop/contracts/messages/order";
import type { Transaction } from "@shop/database/connect";
import { jsonRows, uuidArray } from "@shop/database/rows";
import { and, inArray, isNotNull, lte, sql } from "drizzle-orm";
import { saga } from "../db/schema.ts";
import type { HistoryEntry, SagaState } from "./state.ts";

export type OrderSagaState = SagaState<OrderSnapshot>;

/** Another replica changed a saga in between. Its code is PostgreSQL's for a failed serialization, so that the same work is tried again. */
class SagaChangedMeanwhile extends Error {
  override readonly name = "SagaChangedMeanwhile";
  readonly code = "40001";
}

/** Reads the sagas of these orders and locks them until the transaction ends, in one order so that two replicas never wait for each other. */
export async function lockByOrder(tx: Transaction, orderIds: readonly string[]): Promise<Map<string, OrderSagaState>> {
  const rows = await tx
    .select()
    .from(saga)
    .where(inArray(saga.orderId, [...orderIds]))
    .orderBy(saga.orderId)
    .for("update");
  return new Map(rows.map((row) => [row.orderId, toState(row)]));
}

/** Reads and locks sagas whose time has come, the longest overdue first, leaving out those that another replica holds. */
export async function lockDue(tx: Transaction, now: number, limit: number): Promise<readonly OrderSagaState[]> {
  const rows = await tx
    .select()
    .from(saga)
    .where(and(isNotNull(saga.nextAttemptAt), lte(saga.nextAttemptAt, new Date(now))))
    .orderBy(saga.nextAttemptAt)
    .limit(limit)
    .for("update", { skipLocked: true });
  return rows.map(toState);
}

export interface SagaToSave {
  readonly state: OrderSagaState;
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
  if (begun.length > 0) {
    const inserted = await tx
      .insert(saga)
      .values(begun.map(({ state }) => toRow(state, now)))
      .onConflictDoNothing();
    if (inserted.count !== begun.length) throw new SagaChangedMeanwhile("another replica began one of these sagas");
  }
  if (changed.length > 0) {
    const updated = await tx.execute(sql`
      update saga set
        status = r.status, step = r.step, reason = r.reason, attempts = r.attempts, next_attempt_at = r.next_attempt_at,
        deadline = r.deadline, stuck_since = r.stuck_since, revision = r.revision, updated_at = r.updated_at
      from json_to_recordset(${jsonRows(changed.map(({ state, readRevision }) => toChange(state, readRevision, now)))}) as r(
        id uuid, status text, step text, reason text, attempts int, next_attempt_at timestamptz, deadline timestamptz,
        stuck_since timestamptz, revision int, updated_at timestamptz, read_revision int)
      where saga.id = r.id and saga.revision = r.read_revision
        -- Without this the planner can choose to scan the whole table for the join.
        and saga.id = any(${uuidArray(changed.map(({ state }) => state.id))})`);
    if (updated.count !== changed.length) throw new SagaChangedMeanwhile("another replica changed one of these sagas");
  }
  const history = sagas.flatMap(({ state, readRevision, history: entries }) =>
    entries.map((entry, index) => ({
      saga_id: state.id,
      seq: (readRevision ?? 0) * HISTORY_PER_REVISION + index,
      at: new Date(entry.at),
      step: entry.step,
      message: entry.message,
      detail: entry.detail,
    })),
  );
  await tx.execute(sql`
    insert into saga_history (saga_id, seq, at, step, message, detail)
    select saga_id, seq, at, step, message, detail from json_to_recordset(${jsonRows(history)})
      as r(saga_id uuid, seq bigint, at timestamptz, step text, message text, detail text)`);
}

/** History entries are numbered by the revision they came from; more than this many in one change would collide, and be refused. */
const HISTORY_PER_REVISION = 10_000;

const toDate = (ms: number | null) => (ms === null ? null : new Date(ms));
const toMs = (date: Date | null) => date?.getTime() ?? null;

function toState(row: typeof saga.$inferSelect): OrderSagaState {
  const { id, orderId, definition, version, status, step, data, reason, attempts, traceparent, revision } = row;
  return {
    ...{ id, orderId, definition, version, status, step, data, reason, attempts, traceparent, revision },
    nextAttemptAt: toMs(row.nextAttemptAt),
    deadline: toMs(row.deadline),
    stuckSince: toMs(row.stuckSince),
  };
}

function toRow(state: OrderSagaState, now: number): typeof saga.$inferInsert {
  return {
    ...state,
    nextAttemptAt: toDate(state.nextAttemptAt),
    deadline: toDate(state.deadline),
    stuckSince: toDate(state.stuckSince),
    createdAt: new Date(now),
    updatedAt: new Date(now),
  };
}

function toChange(
  { id, status, step, reason, attempts, revision, ...times }: OrderSagaState,
  readRevision: number | undefined,
  now: number,
) {
  return {
    ...{ id, status, step, reason, attempts, revision },
    next_attempt_at: toDate(times.nextAttemptAt),
    deadline: toDate(times.deadline),
    stuck_since: toDate(times.stuckSince),
    updated_at: new Date(now),
    read_revision: readRevision,
  };
}
