import type { BulkOperation, BulkStatus } from "@shop/contracts/http/bulk";
import { SAMPLE } from "@shop/contracts/http/bulk";
import { and, desc, eq, inArray, lt, lte, sql } from "drizzle-orm";
import { check, index, integer, jsonb, pgTable, text, timestamp, unique, uuid } from "drizzle-orm/pg-core";
import type { Transaction } from "./connect.ts";
import type { ReadDatabase } from "./reader.ts";

const instantColumn = (name: string) => timestamp(name, { withTimezone: true, mode: "date" });

/** What an operation is about: these ids, or all that a filter finds. */
export interface Selection<Filter = Readonly<Record<string, string | undefined>>> {
  readonly ids?: readonly string[] | undefined;
  readonly filter?: Filter | undefined;
  /** What was made after the operation began is not part of it. */
  readonly beforeId: string;
}

/** Operations on many rows: what they are about, how far they have come, and what came of it. */
export const bulkOperation = pgTable(
  "bulk_operation",
  {
    id: uuid("id").primaryKey(),
    action: text("action").notNull(),
    selection: jsonb("selection").$type<Selection>().notNull(),
    status: text("status").$type<BulkStatus>().notNull(),
    total: integer("total").notNull(),
    done: integer("done").notNull().default(0),
    outcomes: jsonb("outcomes").$type<Readonly<Record<string, number>>>().notNull().default({}),
    refusals: jsonb("refusals").$type<BulkOperation["refusals"]>().notNull().default([]),
    /** The last row that was tried: it continues behind it. */
    position: uuid("position"),
    ratePerSecond: integer("rate_per_second").notNull(),
    requestedBy: uuid("requested_by").notNull(),
    idempotencyKey: text("idempotency_key").notNull(),
    startedAt: instantColumn("started_at").notNull(),
    updatedAt: instantColumn("updated_at").notNull(),
    /** Its rate lets it go on from here on, at whichever replica. */
    nextAt: instantColumn("next_at").notNull(),
    finishedAt: instantColumn("finished_at"),
  },
  (table) => [
    unique("bulk_operation_of_key").on(table.requestedBy, table.idempotencyKey),
    index("bulk_operation_running")
      .on(table.id)
      .where(sql`${table.status} = 'RUNNING'`),
    check("bulk_operation_ended", sql`(${table.status} = 'RUNNING') = (${table.finishedAt} is null)`),
  ],
);

export type BulkRow = typeof bulkOperation.$inferSelect;

export type NewBulk = Pick<
  typeof bulkOperation.$inferInsert,
  "id" | "action" | "total" | "ratePerSecond" | "requestedBy" | "idempotencyKey"
> & { readonly selection: Selection };

/** Ended operations are kept this long, in days. */
const KEPT_DAYS = 30;

/** Begins an operation, or finds the one that its key has begun before. What ended long ago is forgotten. */
export async function insertBulk(tx: Transaction, bulk: NewBulk, now: Date): Promise<BulkRow | undefined> {
  await tx.execute(
    sql`delete from bulk_operation where finished_at < ${now.toISOString()}::timestamptz - make_interval(days => ${KEPT_DAYS}::int)`,
  );
  await tx
    .insert(bulkOperation)
    .values({ ...bulk, status: "RUNNING", startedAt: now, updatedAt: now, nextAt: now })
    .onConflictDoNothing();
  const { requestedBy, idempotencyKey } = bulk;
  const [row] = await tx
    .select()
    .from(bulkOperation)
    .where(and(eq(bulkOperation.requestedBy, requestedBy), eq(bulkOperation.idempotencyKey, idempotencyKey)));
  return row;
}

/** Operations, newest first. */
export function listBulks(
  db: ReadDatabase,
  {
    actions,
    afterId,
    limit,
  }: { readonly actions: readonly string[]; readonly afterId: string | undefined; readonly limit: number },
): Promise<BulkRow[]> {
  return db
    .select()
    .from(bulkOperation)
    .where(
      and(
        inArray(bulkOperation.action, [...actions]),
        afterId === undefined ? undefined : lt(bulkOperation.id, afterId),
      ),
    )
    .orderBy(desc(bulkOperation.id))
    .limit(limit);
}

export async function findBulk(db: ReadDatabase, id: string): Promise<BulkRow | undefined> {
  const [row] = await db.select().from(bulkOperation).where(eq(bulkOperation.id, id));
  return row;
}

/** Stops an operation that runs; one that has ended stays as it is. @returns the operation when it ran, as it is now */
export async function stopBulk(tx: Transaction, id: string, now: Date): Promise<BulkRow | undefined> {
  const [row] = await tx
    .update(bulkOperation)
    .set({ status: "STOPPED", updatedAt: now, finishedAt: now })
    .where(and(eq(bulkOperation.id, id), eq(bulkOperation.status, "RUNNING")))
    .returning();
  return row;
}

/** The oldest operation of these actions that runs, whose rate lets it go on, and that no other replica is at, locked; undefined when there is none. */
export async function claimBulk(tx: Transaction, actions: readonly string[], now: Date): Promise<BulkRow | undefined> {
  const [row] = await tx
    .select()
    .from(bulkOperation)
    .where(
      and(
        eq(bulkOperation.status, "RUNNING"),
        inArray(bulkOperation.action, [...actions]),
        lte(bulkOperation.nextAt, now),
      ),
    )
    .orderBy(bulkOperation.id)
    .limit(1)
    .for("update", { skipLocked: true });
  return row;
}

/** What came of one row. */
export interface BulkOutcome {
  readonly id: string;
  /** `DONE`, or the code of a refusal. */
  readonly code: string;
  readonly detail?: string | undefined;
  /** How it stood before, for the audit trail. */
  readonly before?: object | undefined;
}

/** Notes what came of the next rows of an operation, in the transaction that changed them. None: it has come to its end. */
export async function advanceBulk(
  tx: Transaction,
  row: BulkRow,
  outcomes: readonly BulkOutcome[],
  now: Date,
): Promise<void> {
  const counts: Record<string, number> = { ...row.outcomes };
  for (const { code } of outcomes) counts[code] = (counts[code] ?? 0) + 1;
  const refusals = outcomes
    .filter(({ code }) => code !== "DONE")
    .map(({ id, code, detail = "" }) => ({ id, code, detail }));
  await tx
    .update(bulkOperation)
    .set({
      done: row.done + outcomes.length,
      outcomes: counts,
      refusals: [...row.refusals, ...refusals].slice(0, SAMPLE),
      position: outcomes.at(-1)?.id ?? row.position,
      updatedAt: now,
      nextAt: new Date(now.getTime() + (outcomes.length / row.ratePerSecond) * 1_000),
      ...(outcomes.length === 0 ? { status: "DONE" as const, finishedAt: now } : {}),
    })
    .where(eq(bulkOperation.id, row.id));
}
