import { type BulkAnswer, type BulkOperation, COUNTED_AT_MOST, SAMPLE } from "@shop/contracts/http/bulk";
import { toPage } from "@shop/contracts/http/page";
import {
  advanceBulk,
  type BulkOutcome,
  type BulkRow,
  claimBulk,
  findBulk,
  insertBulk,
  listBulks,
  type Selection,
  stopBulk,
} from "@shop/database/bulk-operations";
import { type AuditOrigin, bySystem } from "@shop/database/audit-trail";
import type { Transaction } from "@shop/database/connect";
import { isLockTimeout } from "@shop/database/errors";
import type { ReadDatabase } from "@shop/database/reader";
import { alongside, inTransaction } from "@shop/database/transaction";
import type { RequestCall } from "@shop/http/request/call";
import { every } from "@shop/runtime/every";
import { auditOrigin } from "./audit-origin.ts";
import { audit, type AuditedAct } from "./audit-routes.ts";
import type { ServiceContext } from "./context.ts";

/** What bulk operations of a service are about. */
export interface BulkTarget {
  /** What can be done to them: each target of a service has actions of its own. */
  readonly actions: readonly string[];
  /** As many as a transaction takes, if they are to be fewer than usual. */
  readonly atOnce?: number;
  /** How many a selection means, counted up to `atMost`. */
  count(db: ReadDatabase, selection: Selection, atMost: number): Promise<number>;
  /** The next ids of a selection, in ascending order, behind `afterId`. */
  next(db: ReadDatabase, selection: Selection, afterId: string | null, limit: number): Promise<readonly string[]>;
  /** What these are, in a few words each, for the sample of a dry run. */
  describe(db: ReadDatabase, ids: readonly string[]): Promise<BulkAnswer["sample"]>;
  /**
   * Does it to these, in a transaction that also notes how far the operation is: so each is done once, whatever happens. What is done already is
   * `DONE`, too. Rows that others have locked are waited for, or with `skipLocked` come to `LOCKED`.
   * @returns what came of each, in the order of `ids`
   */
  apply(
    tx: Transaction,
    ids: readonly string[],
    act: { readonly action: string; readonly by: string; readonly skipLocked: boolean },
  ): Promise<readonly BulkOutcome[]>;
}

/** As many rows as a transaction takes: short enough that messages for the same rows hardly wait. */
const CHUNK = 100;
/** What the audit trail calls an operation. */
const BULK = "bulk-operation";
/** How soon a replica notices an operation that it did not begin, or continues with one after a failure, in milliseconds. */
const INTERVAL_MS = 1_000;

/** Carries out the bulk operations of a service, one at a time, each at its own rate. Any number of replicas may do so. Runs until `signal` is aborted. */
export async function runBulkOperations(
  context: ServiceContext,
  signal: AbortSignal,
  target: BulkTarget,
): Promise<void> {
  const { clock, logger } = context;
  let skipLocked = false;
  await every(
    INTERVAL_MS,
    { clock, signal },
    async () => {
      const began = clock.elapsed();
      const now = new Date(clock.now());
      const [row, tried] = await inTransaction(context.db, (tx) => advanceOne(context, tx, target, now, skipLocked));
      skipLocked = false;
      if (row === undefined) return undefined;
      if (tried > 0) return Math.max(1, (tried / row.ratePerSecond) * 1_000 - (clock.elapsed() - began) + 1);
      logger.info("BULK_DONE", "a bulk operation is done", { ...factsOf(row), outcomes: row.outcomes });
      return 0;
    },
    (error) => {
      skipLocked = isLockTimeout(error);
      logger.warn("BULK_FAILED", "a bulk operation could not go on; retrying", { error });
    },
  );
}

const factsOf = ({ id, action, requestedBy, total }: BulkRow) => ({ bulkId: id, action, by: requestedBy, total });

/** @returns the operation as it was, and how many rows were tried: none when it has come to its end */
async function advanceOne(
  context: Pick<ServiceContext, "clock" | "ids">,
  tx: Transaction,
  target: BulkTarget,
  now: Date,
  skipLocked: boolean,
): Promise<[BulkRow | undefined, number]> {
  const row = await claimBulk(tx, target.actions, now);
  if (row === undefined) return [undefined, 0];
  const { selection, position, ratePerSecond, action, requestedBy: by } = row;
  const ids = await target.next(tx, selection, position, Math.min(target.atOnce ?? CHUNK, ratePerSecond));
  const outcomes = ids.length === 0 ? [] : await target.apply(tx, ids, { action, by, skipLocked });
  await advanceBulk(tx, row, outcomes, now);
  if (ids.length > 0) alongside(tx, audit(context, tx, carriedOut(row, outcomes)));
  return [row, ids.length];
}

/** What a transaction of an operation did, as an entry of the audit trail: by the admin who began it. */
function carriedOut({ id, action, requestedBy }: BulkRow, outcomes: readonly BulkOutcome[]): AuditedAct {
  const done = outcomes.filter(({ code }) => code === "DONE");
  const refused = outcomes
    .filter(({ code }) => code !== "DONE")
    .map(({ id: refusedId, code }) => ({ id: refusedId, code }));
  return {
    action: "BULK_CARRIED_OUT",
    origin: { ...bySystem, actor: { id: requestedBy, role: "admin" } },
    subject: { type: BULK, id },
    before: Object.fromEntries(done.map(({ id: doneId, before = {} }) => [doneId, before])),
    after: { action, done: done.map(({ id: doneId }) => doneId), refused },
  };
}

/** What a bulk call asks for. */
export interface BulkRequest extends Omit<Selection, "beforeId"> {
  readonly action: string;
  readonly dryRun: boolean;
  readonly ratePerSecond: number;
  /** Who asks: an admin. */
  readonly by: string;
  readonly origin: AuditOrigin;
  readonly idempotencyKey: string | undefined;
}

/** What a bulk call asks for, and who asks. */
export function bulkRequestOf<Body extends object>(
  call: RequestCall & { readonly body: Body; readonly headers: Readonly<Record<string, string | undefined>> },
) {
  const { body, headers, principal } = call;
  return { ...body, by: principal.id, origin: auditOrigin(call), idempotencyKey: headers["idempotency-key"] };
}

/** The ids of a selection in the one order in which an operation goes through them. */
const inOrder = (ids: readonly string[]) => [...new Set(ids.map((id) => id.toLowerCase()))].toSorted();

/** Counts what is meant and shows some of it, or begins an operation, which `runBulkOperations` carries out. */
export async function beginBulk(
  { db, clock, ids, logger, read }: ServiceContext,
  target: BulkTarget,
  request: BulkRequest,
  signal: AbortSignal,
): Promise<BulkAnswer> {
  const { action, dryRun, ratePerSecond, by, filter } = request;
  const selection: Selection = {
    ...(request.ids === undefined ? { filter } : { ids: inOrder(request.ids) }),
    beforeId: ids(),
  };
  const reading = read(signal);
  const total = await target.count(reading, selection, COUNTED_AT_MOST);
  if (dryRun) {
    const first = await target.next(reading, selection, null, SAMPLE);
    return { dryRun, total, sample: [...(await target.describe(reading, first))], operation: null };
  }
  const id = ids();
  const bulk = { id, action, selection, total, ratePerSecond, requestedBy: by };
  const row = await inTransaction(db, async (tx) => {
    const begun = await insertBulk(
      tx,
      { ...bulk, idempotencyKey: request.idempotencyKey ?? id },
      new Date(clock.now()),
    );
    const meant = { filter, ids: selection.ids?.length };
    const after = { action, total, ratePerSecond, ...meant };
    const entry: AuditedAct = { action: "BULK_STARTED", origin: request.origin, subject: { type: BULK, id }, after };
    // Another call with the same key has begun it.
    if (begun?.id === id) alongside(tx, audit({ clock, ids }, tx, entry));
    return begun;
  });
  if (row?.id === id) logger.info("BULK_STARTED", "a bulk operation has started", factsOf(row));
  return { dryRun, total, sample: [], operation: row === undefined ? null : toBulk(row) };
}

export async function bulkPage(
  { read }: ServiceContext,
  { actions }: Pick<BulkTarget, "actions">,
  { limit, cursor }: { readonly limit: number; readonly cursor?: string | undefined },
  signal: AbortSignal,
) {
  const rows = await listBulks(read(signal), { actions, afterId: cursor, limit: limit + 1 });
  return toPage(rows.map(toBulk), limit);
}

export async function bulkById({ read }: ServiceContext, id: string, signal: AbortSignal) {
  const row = await findBulk(read(signal), id);
  return row && toBulk(row);
}

/** Stops an operation: what it has done stays, and nothing more is done. */
export async function stopBulkById({ db, clock, ids, logger }: ServiceContext, id: string, origin: AuditOrigin) {
  const [row, hasStopped] = await inTransaction(db, async (tx) => {
    const stopped = await stopBulk(tx, id, new Date(clock.now()));
    if (stopped === undefined) return [await findBulk(tx, id), false] as const;
    const after = { action: stopped.action, done: stopped.done, total: stopped.total };
    const entry: AuditedAct = { action: "BULK_STOPPED", origin, subject: { type: BULK, id }, after };
    alongside(tx, audit({ clock, ids }, tx, entry));
    return [stopped, true] as const;
  });
  if (row !== undefined && hasStopped)
    logger.info("BULK_STOPPED", "a bulk operation was stopped", { ...factsOf(row), stoppedBy: origin.actor?.id });
  return row && toBulk(row);
}

function toBulk(row: BulkRow): BulkOperation {
  const { id, action, status, total, done, outcomes, refusals, ratePerSecond, requestedBy: by } = row;
  return {
    ...{ id, action, status, total, done, outcomes, refusals, ratePerSecond, by },
    startedAt: row.startedAt.toISOString(),
    updatedAt: row.updatedAt.toISOString(),
    finishedAt: row.finishedAt?.toISOString() ?? null,
  };
}
