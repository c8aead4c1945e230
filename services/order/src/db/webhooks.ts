import type { Webhook, WebhookEventType } from "@shop/contracts/http/webhook";
import type { Database, Transaction } from "@shop/database/connect";
import type { ReadDatabase } from "@shop/database/reader";
import { and, desc, eq, getTableColumns, lt, sql } from "drizzle-orm";
import { webhook } from "./schema.ts";

export type WebhookRow = typeof webhook.$inferSelect;

/** Counts end at this. */
const COUNTED = 10_000;

const counted = (which: "pending" | "dead") => sql<number>`(select count(*)::int from (
  select from webhook_delivery d where d.webhook_id = webhook.id and d.delivered_at is null
    and d.dead_at is ${sql.raw(which === "dead" ? "not null" : "null")} limit ${COUNTED}) as found)`;

const shown = { row: getTableColumns(webhook), pending: counted("pending"), dead: counted("dead") };

export function toWebhook(row: WebhookRow, { pending, dead }: Pick<Webhook, "pending" | "dead">): Webhook {
  const { id, url, description, enabled } = row;
  return {
    ...{ id, url, description, events: row.events, enabled, pending, dead },
    createdAt: row.createdAt.toISOString(),
    updatedAt: row.updatedAt.toISOString(),
  };
}

/** Webhooks, newest first. */
export async function listWebhooks(
  db: ReadDatabase,
  { afterId, limit }: { readonly afterId: string | undefined; readonly limit: number },
): Promise<readonly Webhook[]> {
  const rows = await db
    .select(shown)
    .from(webhook)
    .where(afterId === undefined ? undefined : lt(webhook.id, afterId))
    .orderBy(desc(webhook.id))
    .limit(limit);
  return rows.map(({ row, ...counts }) => toWebhook(row, counts));
}

export async function findWebhook(db: Pick<ReadDatabase, "select">, id: string): Promise<Webhook | undefined> {
  const [found] = await db.select(shown).from(webhook).where(eq(webhook.id, id));
  return found && toWebhook(found.row, found);
}

/** Those that are told of events. */
export function enabledWebhooks(db: Database): Promise<readonly WebhookRow[]> {
  return db.select().from(webhook).where(eq(webhook.enabled, true)).orderBy(webhook.id);
}

export async function insertWebhook(tx: Transaction, row: WebhookRow): Promise<void> {
  await tx.insert(webhook).values(row);
}

/** A webhook that others cannot change until the transaction ends. */
export async function lockWebhook(tx: Transaction, id: string): Promise<Webhook | undefined> {
  await tx.execute(sql`select from webhook where id = ${id} for update`);
  return findWebhook(tx, id);
}

export interface WebhookChange {
  readonly url?: string | undefined;
  readonly description?: string | undefined;
  readonly events?: WebhookEventType[] | undefined;
  readonly enabled?: boolean | undefined;
}

/** @returns the webhook as it is then */
export async function updateWebhook(
  tx: Transaction,
  id: string,
  change: WebhookChange,
  now: Date,
): Promise<Webhook | undefined> {
  const { url, description, events, enabled } = change;
  await tx
    .update(webhook)
    .set({
      ...(url === undefined ? {} : { url }),
      ...(description === undefined ? {} : { description }),
      ...(events === undefined ? {} : { events }),
      ...(enabled === undefined ? {} : { enabled }),
      updatedAt: now,
    })
    .where(eq(webhook.id, id));
  return findWebhook(tx, id);
}

/** Disables a webhook, unless its address was changed since it answered. @returns whether it was enabled */
export async function disableWebhook(db: Database, { id, url }: WebhookRow, now: Date): Promise<boolean> {
  const { count } = await db
    .update(webhook)
    .set({ enabled: false, updatedAt: now })
    .where(and(eq(webhook.id, id), eq(webhook.url, url), eq(webhook.enabled, true)));
  return count > 0;
}

/** Gives a webhook another secret. The last one signs as well until then. */
export async function replaceSecret(
  tx: Transaction,
  {
    id,
    secret,
    until,
    now,
  }: { readonly id: string; readonly secret: string; readonly until: Date; readonly now: Date },
): Promise<void> {
  await tx
    .update(webhook)
    .set({ previousSecret: webhook.secret, previousSecretUntil: until, secret, updatedAt: now })
    .where(eq(webhook.id, id));
}

export async function deleteWebhook(tx: Transaction, id: string): Promise<void> {
  await tx.delete(webhook).where(eq(webhook.id, id));
}
