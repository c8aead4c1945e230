import type { Database, Transaction } from "@shop/database/connect";
import { jsonRows, uuidArray } from "@shop/database/rows";
import { lockWithoutWaiting } from "@shop/database/locks";
import { count, desc, eq, inArray, isNotNull, lt, or, sql } from "drizzle-orm";
import type { AskedSaga, AuditReports } from "../domain/books.ts";
import { audit, auditFinding, saga } from "./schema.ts";

export type AuditRow = typeof audit.$inferSelect;

/** Locks the audit's row if it is at one of these rounds, as far as that needs no waiting. @returns those of which another transaction has locked it */
export const lockFreeRounds = (tx: Transaction, auditIds: readonly string[]): Promise<ReadonlySet<string>> =>
  lockWithoutWaiting(tx, { table: sql`audit`, column: sql`audit.audit_id` }, auditIds);

/** The audit's row, locked; undefined when another replica is at it. */
export async function claimAudit(tx: Transaction): Promise<AuditRow | undefined> {
  await tx.insert(audit).values({}).onConflictDoNothing();
  const [row] = await tx.select().from(audit).for("update", { skipLocked: true });
  return row;
}

export interface NewRound {
  /** Null when there is nobody to ask about: the walk continues with the next look. */
  readonly auditId: string | null;
  readonly asked: readonly AskedSaga[];
  readonly beforeSagaId: string | null;
  readonly askedAt: Date | null;
  /** Given when a round, or a walk, ends with this step. */
  readonly roundFinishedAt?: Date;
  readonly walkFinishedAt?: Date;
}

export async function beginRound(tx: Transaction, { asked, ...round }: NewRound): Promise<void> {
  await tx.update(audit).set({ ...round, asked: [...asked], reported: {} });
}

/** Adds the report of one service. @returns the round with all reports so far, locked; undefined when it is over already */
export async function addReport(
  tx: Transaction,
  auditId: string,
  reported: Partial<AuditReports>,
): Promise<AuditRow | undefined> {
  const [row] = await tx
    .update(audit)
    .set({ reported: sql`${audit.reported} || ${JSON.stringify(reported)}::jsonb` })
    .where(eq(audit.auditId, auditId))
    .returning();
  return row;
}

export async function endRound(tx: Transaction, now: Date): Promise<void> {
  await tx.update(audit).set({ auditId: null, askedAt: null, asked: [], reported: {}, roundFinishedAt: now });
}

/** When the audit last finished a round, and a walk over all sagas, at whichever replica; null before the first. */
export async function finishedAt(db: Database): Promise<{ readonly round: Date | null; readonly walk: Date | null }> {
  const [row] = await db.select({ round: audit.roundFinishedAt, walk: audit.walkFinishedAt }).from(audit);
  return row ?? { round: null, walk: null };
}

export interface Walked {
  readonly sagas: readonly AskedSaga[];
  /** Where the walk continues; null when it has come to its end. */
  readonly beforeSagaId: string | null;
}

export interface Step {
  /** Where the last step ended; null for the newest saga. */
  readonly beforeSagaId: string | null;
  readonly maxSagas: number;
  readonly maxItems: number;
  /** Only sagas that have been at rest since then are asked about. */
  readonly restSince: Date;
}

/** The next sagas on the walk from the newest to the oldest, those of them that are at rest. */
export async function walk(tx: Transaction, { beforeSagaId, maxSagas, maxItems, restSince }: Step): Promise<Walked> {
  const rows = await tx
    .select()
    .from(saga)
    .where(beforeSagaId === null ? undefined : lt(saga.id, beforeSagaId))
    .orderBy(desc(saga.id))
    .limit(maxSagas);
  let items = 0;
  const tooMany = rows.findIndex(({ data }) => (items += data.items.length) > maxItems);
  const taken = tooMany === -1 ? rows : rows.slice(0, tooMany);
  return {
    sagas: taken.filter((row) => isAtRest(row) && row.updatedAt <= restSince).map(toAsked),
    beforeSagaId: tooMany === -1 && rows.length < maxSagas ? null : (taken.at(-1)?.id ?? null),
  };
}

/** The sagas of orders on which the services did not agree, those of them that are at rest. */
export async function suspects(tx: Transaction, limit: number): Promise<readonly AskedSaga[]> {
  const rows = await tx
    .select({ saga })
    .from(auditFinding)
    .innerJoin(saga, eq(saga.orderId, auditFinding.orderId))
    .where(or(inArray(saga.status, ["COMPLETE", "CANCELLED"]), eq(saga.step, "WAIT_FOR_RIDER")))
    .orderBy(auditFinding.foundAt)
    .limit(limit);
  return rows.map((row) => toAsked(row.saga));
}

/** Which of these sagas are still as they were when the others were asked. */
export async function unchanged(tx: Transaction, asked: readonly AskedSaga[]): Promise<readonly AskedSaga[]> {
  const rows = await tx
    .select({ orderId: saga.orderId, revision: saga.revision })
    .from(saga)
    .where(sql`${saga.orderId} = any(${uuidArray(asked.map(({ orderId }) => orderId))})`);
  const revisionOf = new Map(rows.map(({ orderId, revision }) => [orderId, revision]));
  return asked.filter(({ orderId, revision }) => revisionOf.get(orderId) === revision);
}

export interface AuditFinding {
  readonly orderId: string;
  readonly revision: number;
  readonly detail: string;
}

/**
 * Notes findings. One that was noted before, of the same revision of its saga, is confirmed.
 * @returns those that were confirmed just now
 */
export async function recordFindings(
  tx: Transaction,
  findings: readonly AuditFinding[],
  now: Date,
): Promise<readonly AuditFinding[]> {
  if (findings.length === 0) return [];
  const rows = await tx.execute<AuditFinding & { isNew: boolean } & Record<string, unknown>>(sql`
    insert into audit_finding as known (order_id, detail, revision, found_at)
    select "orderId", detail, revision, ${now.toISOString()}
    from json_to_recordset(${jsonRows(findings)}) as r("orderId" uuid, detail text, revision int)
    on conflict (order_id) do update set
      detail = excluded.detail,
      revision = excluded.revision,
      found_at = excluded.found_at,
      confirmed_at = case when known.revision = excluded.revision then coalesce(known.confirmed_at, excluded.found_at) end
    returning order_id as "orderId", detail, revision, confirmed_at = found_at as "isNew"`);
  return rows.filter(({ isNew }) => isNew);
}

/** Forgets the findings about orders on which the services agree. @returns those that had been confirmed */
export async function forgetFindings(tx: Transaction, orderIds: readonly string[]): Promise<readonly string[]> {
  const rows = await tx
    .delete(auditFinding)
    .where(sql`${auditFinding.orderId} = any(${uuidArray(orderIds)})`)
    .returning({ orderId: auditFinding.orderId, confirmedAt: auditFinding.confirmedAt });
  return rows.filter(({ confirmedAt }) => confirmedAt !== null).map(({ orderId }) => orderId);
}

/** How many orders the services do not agree on, as far as that is confirmed. */
export async function countFindings(db: Database): Promise<number> {
  const [row] = await db.select({ n: count() }).from(auditFinding).where(isNotNull(auditFinding.confirmedAt));
  return row?.n ?? 0;
}

type SagaRow = typeof saga.$inferSelect;

const isAtRest = ({ status, step }: Pick<SagaRow, "status" | "step">) =>
  status === "COMPLETE" || status === "CANCELLED" || (status === "RUNNING" && step === "WAIT_FOR_RIDER");

function toAsked({ orderId, revision, status, reason, data }: SagaRow): AskedSaga {
  const rest = status === "COMPLETE" || status === "CANCELLED" ? status : "WAITING_FOR_RIDER";
  return { orderId, revision, rest, reason, items: data.items };
}
