import type { WebhookDelivery, WebhookDeliveryState } from "@shop/contracts/http/webhook";
import type { Database, Transaction } from "@shop/database/connect";
import type { ReadDatabase } from "@shop/database/reader";
import { uuidArray } from "@shop/database/rows";
import { and, desc, eq, isNotNull, isNull, lt, type Placeholder, type SQL, sql } from "drizzle-orm";
import { orders, webhookDelivery } from "./schema.ts";

type DeliveryRow = typeof webhookDelivery.$inferSelect;

interface Recorded {
  /** Of all of them. */
  readonly type: SQL;
  /** When it happened. */
  readonly at: Placeholder;
  /** Gives `order_id` and `delivery_id` of each order that changed. */
  readonly changed: SQL;
}

/**
 * The end of a statement that changes orders: a row for each of them and each webhook that wants to hear of it. It is part of that statement, so
 * that it is committed with the change, and costs neither a round trip nor a row while there is no webhook.
 */
export const insertForWebhooks = ({ type, at, changed }: Recorded): SQL => sql`
  insert into webhook_delivery (webhook_id, order_id, type, delivery_id, at, next_attempt_at)
  select w.id, c.order_id, ${type}, c.delivery_id, ${at}::timestamptz, ${at}::timestamptz
  from (${changed}) as c cross join webhook w where w.enabled and ${type} = any(w.events)`;

/** A delivery that a process has claimed to send it, with what it is about. */
export interface ClaimedDelivery extends Pick<
  DeliveryRow,
  "id" | "webhookId" | "orderId" | "type" | "deliveryId" | "at" | "attempts"
> {
  readonly firstAttemptAt: Date;
  readonly order: Pick<typeof orders.$inferSelect, "customerId" | "items" | "total" | "currency" | "cancelReason">;
}

/** What waits behind another one is looked at again after this long at most, in seconds. */
const LOOK_AGAIN_S = 600;

interface ClaimOptions {
  readonly webhookId: string;
  readonly now: Date;
  readonly limit: number;
  /** Until then nobody else sends what is claimed. */
  readonly until: Date;
}

/**
 * Claims what is due for a webhook. What has an earlier undelivered event of its order in front of it is put off until that one's next attempt.
 * @returns what was claimed, and how many rows were looked at: as many as `limit` when there may be more
 */
export async function claimDeliveries(
  db: Database,
  { webhookId, now, limit, until }: ClaimOptions,
): Promise<{ readonly claimed: readonly ClaimedDelivery[]; readonly looked: number }> {
  const at = now.toISOString();
  const looked = await db.execute<{ id: string; is_first: boolean }>(sql`
    with due as materialized (
      select id, seq, order_id from webhook_delivery
      where webhook_id = ${webhookId} and delivered_at is null and dead_at is null and next_attempt_at <= ${at}::timestamptz
      order by next_attempt_at, seq limit ${limit} for update skip locked),
    placed as (
      select due.id, first.seq is null as is_first, case when first.dead_at is null then first.next_attempt_at end as first_at
      from due left join lateral (
        select f.seq, f.dead_at, f.next_attempt_at from webhook_delivery f
        where f.webhook_id = ${webhookId} and f.order_id = due.order_id and f.seq < due.seq and f.delivered_at is null
        order by f.seq limit 1) as first on true)
    update webhook_delivery d set
      attempts = d.attempts + is_first::int,
      first_attempt_at = case when is_first then coalesce(d.first_attempt_at, ${at}::timestamptz) end,
      next_attempt_at = case when is_first then ${until.toISOString()}::timestamptz else
        least(greatest(first_at, ${at}::timestamptz + interval '1 second'), ${at}::timestamptz + make_interval(secs => ${LOOK_AGAIN_S})) end
    from placed where d.id = placed.id
    returning d.id, is_first`);
  const ids = looked.filter(({ is_first: isFirst }) => isFirst).map(({ id }) => id);
  return { claimed: ids.length === 0 ? [] : await readClaimed(db, ids), looked: looked.length };
}

async function readClaimed(db: Database, ids: readonly string[]): Promise<readonly ClaimedDelivery[]> {
  const rows = await db
    .select()
    .from(webhookDelivery)
    .innerJoin(orders, eq(orders.id, webhookDelivery.orderId))
    .where(sql`${webhookDelivery.id} = any(${uuidArray(ids)})`);
  return rows.map(({ webhook_delivery: row, orders: order }) => ({
    ...row,
    firstAttemptAt: row.firstAttemptAt ?? row.at,
    order,
  }));
}

/** Notes that a webhook was told, and lets the order's next event go at once. One that another process has delivered meanwhile stays as it is. */
export async function markDelivered(
  db: Database,
  { id, status, now }: { readonly id: string; readonly status: number; readonly now: Date },
): Promise<void> {
  const at = now.toISOString();
  await db.execute(sql`
    with delivered as (
      update webhook_delivery set delivered_at = ${at}::timestamptz, last_status = ${status}, last_error = null, dead_at = null
      where id = ${id} and delivered_at is null returning webhook_id, order_id, seq)
    update webhook_delivery d set next_attempt_at = ${at}::timestamptz from delivered
    where d.webhook_id = delivered.webhook_id and d.order_id = delivered.order_id and d.seq > delivered.seq
      and d.delivered_at is null and d.dead_at is null and d.next_attempt_at > ${at}::timestamptz`);
}

export interface FailedAttempt {
  readonly id: string;
  /** Which attempt it was: the outcome of an older one, which is told late, changes nothing. */
  readonly attempts: number;
  readonly status: number | null;
  readonly error: string;
  /** When it is tried again; null: it is given up. */
  readonly retryAt: Date | null;
  readonly now: Date;
}

/** @returns whether this was still the last attempt */
export async function markFailed(db: Database, attempt: FailedAttempt): Promise<boolean> {
  const { id, attempts, status, error, retryAt, now } = attempt;
  const changed = await db
    .update(webhookDelivery)
    .set({
      lastStatus: status,
      lastError: error,
      ...(retryAt === null ? { deadAt: now } : { nextAttemptAt: retryAt }),
    })
    .where(and(eq(webhookDelivery.id, id), eq(webhookDelivery.attempts, attempts), isNull(webhookDelivery.deliveredAt)))
    .returning({ id: webhookDelivery.id });
  return changed.length > 0;
}

const deadOf = (webhookId: string, ids: readonly string[] | undefined) =>
  and(
    eq(webhookDelivery.webhookId, webhookId),
    isNull(webhookDelivery.deliveredAt),
    isNotNull(webhookDelivery.deadAt),
    ids === undefined ? undefined : sql`${webhookDelivery.id} = any(${uuidArray(ids)})`,
  );

/** How many of a webhook's dead deliveries a replay would send. */
export async function countDead(
  db: ReadDatabase,
  webhookId: string,
  ids: readonly string[] | undefined,
): Promise<number> {
  const [row] = await db
    .select({ count: sql<number>`count(*)::int` })
    .from(webhookDelivery)
    .where(deadOf(webhookId, ids));
  return row?.count ?? 0;
}

/** Lets what was given up be sent again, with all of its retries. @returns how many */
export async function replayDead(
  tx: Transaction,
  webhookId: string,
  ids: readonly string[] | undefined,
  now: Date,
): Promise<number> {
  const { count } = await tx
    .update(webhookDelivery)
    .set({ deadAt: null, attempts: 0, firstAttemptAt: null, nextAttemptAt: now })
    .where(deadOf(webhookId, ids));
  return count;
}

/** Forgets everything that a webhook was told and was to be told. */
export async function forgetDeliveries(tx: Transaction, webhookId: string): Promise<void> {
  await tx.delete(webhookDelivery).where(eq(webhookDelivery.webhookId, webhookId));
}

/** As many rows as a statement deletes. */
const CHUNK = 1_000;
const KEPT_DAYS = 3;

/** Deletes what was delivered days ago, and what was written for a webhook while it was removed. By the database's time: a process's clock may be wrong. */
export async function purgeDeliveries(db: Database): Promise<number> {
  const { count } = await db.execute(sql`
    delete from webhook_delivery where id in (
      (select id from webhook_delivery where delivered_at < now() - make_interval(days => ${KEPT_DAYS}) limit ${CHUNK})
      union all
      (select d.id from webhook_delivery d where d.delivered_at is null
        and not exists (select from webhook w where w.id = d.webhook_id) limit ${CHUNK}))`);
  return count;
}

/** What is undelivered, of all webhooks. */
export interface Undelivered {
  readonly pending: number;
  readonly dead: number;
  /** When the oldest event happened that is not given up; null when there is none. */
  readonly oldestAt: Date | null;
}

export async function readUndelivered(db: Database): Promise<Undelivered> {
  const [row] = await db.execute<{ pending: number; dead: number; oldest: number | null }>(sql`
    select (count(*) filter (where dead_at is null))::int as pending, (count(*) filter (where dead_at is not null))::int as dead,
      (extract(epoch from min(at) filter (where dead_at is null)) * 1000)::float8 as oldest
    from webhook_delivery where delivered_at is null`);
  const { pending, dead, oldest } = row ?? { pending: 0, dead: 0, oldest: null };
  return { pending, dead, oldestAt: oldest === null ? null : new Date(oldest) };
}

interface DeliveriesToList {
  readonly webhookId: string;
  readonly state: WebhookDeliveryState | undefined;
  readonly orderId: string | undefined;
  readonly afterId: string | undefined;
  readonly limit: number;
}

/** What a webhook was told and is to be told, newest first. */
export async function listDeliveries(
  db: ReadDatabase,
  { webhookId, state, orderId, afterId, limit }: DeliveriesToList,
): Promise<readonly WebhookDelivery[]> {
  const { deliveredAt, deadAt } = webhookDelivery;
  const ofState =
    state &&
    {
      PENDING: and(isNull(deliveredAt), isNull(deadAt)),
      DELIVERED: isNotNull(deliveredAt),
      DEAD: and(isNull(deliveredAt), isNotNull(deadAt)),
    }[state];
  const rows = await db
    .select()
    .from(webhookDelivery)
    .where(
      and(
        eq(webhookDelivery.webhookId, webhookId),
        orderId === undefined ? undefined : eq(webhookDelivery.orderId, orderId),
        afterId === undefined ? undefined : lt(webhookDelivery.id, afterId),
        ofState,
      ),
    )
    .orderBy(desc(webhookDelivery.id))
    .limit(limit);
  return rows.map(toDelivery);
}

function toDelivery(row: DeliveryRow): WebhookDelivery {
  const { id, type, orderId, attempts, lastStatus, lastError } = row;
  const state = row.deliveredAt !== null ? "DELIVERED" : row.deadAt !== null ? "DEAD" : "PENDING";
  return {
    ...{ id, type, orderId, state, attempts, lastStatus, lastError },
    at: row.at.toISOString(),
    nextAttemptAt: state === "PENDING" ? row.nextAttemptAt.toISOString() : null,
    deliveredAt: row.deliveredAt?.toISOString() ?? null,
  };
}
