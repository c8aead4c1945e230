import { type Saga, SagaStatus, SagaStep } from "@shop/contracts/http/saga";
import type { Database } from "@shop/database/connect";
import type { ReadDatabase } from "@shop/database/reader";
import { newestWhere, uuidArray } from "@shop/database/rows";
import { and, asc, desc, eq, isNotNull, isNull, lt, type SQL, sql } from "drizzle-orm";
import { unionAll } from "drizzle-orm/pg-core";
import { saga, sagaHistory } from "./schema.ts";

export interface SagasToList {
  readonly status: SagaStatus | undefined;
  readonly step: SagaStep | undefined;
  readonly orderId: string | undefined;
  /** Only those behind this one in the list. */
  readonly afterId: string | undefined;
  readonly limit: number;
}

/**
 * Sagas with their history, newest first. Of one status and step they are read in this order from an index; of one of the two, they are the
 * newest of each that the other can be, put together.
 */
export async function listSagas(
  db: ReadDatabase,
  { status, step, orderId, afterId, limit }: SagasToList,
): Promise<readonly Saga[]> {
  const page = (where: SQL | undefined, orderBy: readonly SQL[]) =>
    db
      .select()
      .from(saga)
      .where(where)
      .orderBy(...orderBy)
      .limit(limit);
  const newestFirst = [desc(saga.id)];
  if (orderId !== undefined) {
    // One at most: to look for it by anything else as well could only mislead the planner.
    const [found] = await page(eq(saga.orderId, orderId), newestFirst);
    const isWanted =
      (status ?? (found && statusOf(found))) === (found && statusOf(found)) && (step ?? found?.step) === found?.step;
    return found && isWanted && (afterId === undefined || found.id < afterId) ? withHistory(db, [found]) : [];
  }
  if (status === undefined && step === undefined)
    return withHistory(db, await page(afterId === undefined ? undefined : lt(saga.id, afterId), newestFirst));
  const ofStanding = (standing: SagaStatus, ofStep: SagaStep) => {
    const prefix = [[STANDING, standing] as const, [saga.step, ofStep] as const];
    const { where, orderBy } = newestWhere(prefix, saga.id, afterId);
    return page(where, orderBy);
  };
  const statuses = status === undefined ? SagaStatus.options : [status];
  const steps = step === undefined ? SagaStep.options : [step];
  const [first, second, ...others] = statuses.flatMap((one) => steps.map((ofStep) => ofStanding(one, ofStep)));
  if (first === undefined) return [];
  const rows =
    second === undefined
      ? await first
      : await unionAll(first, second, ...others)
          .orderBy(...newestFirst)
          .limit(limit);
  return withHistory(db, rows);
}

const statusOf = ({ status, stuckSince }: Pick<typeof saga.$inferSelect, "status" | "stuckSince">): SagaStatus =>
  stuckSince === null ? status : "STUCK";

/** The status that an admin sees, as `saga_by_standing` has it. */
const STANDING = sql`(case when ${saga.stuckSince} is null then ${saga.status} else 'STUCK' end)`;

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

async function withHistory(db: ReadDatabase, rows: readonly (typeof saga.$inferSelect)[]): Promise<readonly Saga[]> {
  if (rows.length === 0) return [];
  const ids = rows.map(({ id }) => id);
  const entries = await db
    .select()
    .from(sagaHistory)
    .where(sql`${sagaHistory.sagaId} = any(${uuidArray(ids)})`)
    .orderBy(asc(sagaHistory.sagaId), asc(sagaHistory.seq));
  const entriesOf = Map.groupBy(entries, ({ sagaId }) => sagaId);
  return rows.map(({ id, orderId, status, step, attempts, deadline, stuckSince }) => ({
    ...{ id, orderId, step, attempts },
    status: statusOf({ status, stuckSince }),
    deadline: deadline?.toISOString() ?? null,
    history: (entriesOf.get(id) ?? []).map((entry) => ({
      at: entry.at.toISOString(),
      step: entry.step,
      message: entry.message,
      detail: entry.detail,
    })),
  }));
}
