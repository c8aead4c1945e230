import { randomBytes } from "node:crypto";
import type { AuditAction } from "@shop/contracts/http/audit";
import type { Webhook, WebhookEventType } from "@shop/contracts/http/webhook";
import type { AuditOrigin } from "@shop/database/audit-trail";
import type { Transaction } from "@shop/database/connect";
import { alongside, inTransaction } from "@shop/database/transaction";
import { type Network, objectionToUrl } from "@shop/http/outbound/public-addresses";
import { audit } from "@shop/service/audit-routes";
import type { ServiceContext } from "@shop/service/context";
import { forgetDeliveries, replayDead } from "../db/webhook-deliveries.ts";
import {
  deleteWebhook,
  findWebhook,
  insertWebhook,
  lockWebhook,
  replaceSecret,
  toWebhook,
  updateWebhook,
  type WebhookChange,
} from "../db/webhooks.ts";

/** How long the last secret signs beside a new one, in milliseconds. */
const CHANGEOVER_MS = 24 * 3_600_000;

/** 24 random bytes, as Standard Webhooks asks for 24 to 64. */
const newSecret = () => `whsec_${randomBytes(24).toString("base64")}`;

/**
 * What speaks against an address, as far as that shows without a look-up: names are looked up each time something is sent.
 * @returns a sentence, or undefined when nothing does
 */
export function objectionToAddress(address: string, allowed: readonly Network[]): string | undefined {
  const url = URL.parse(address);
  return url === null ? "must be a whole URL that begins with https://" : objectionToUrl(url, allowed);
}

type WithSecret = Webhook & { readonly secret: string };

interface Act {
  readonly action: AuditAction;
  readonly webhookId: string;
  readonly origin: AuditOrigin;
  readonly before?: object | undefined;
  readonly after?: object | undefined;
}

/** Tells the audit trail, and after the commit the log, what an admin did with a webhook. */
function record({ clock, ids }: ServiceContext, tx: Transaction, { webhookId, ...act }: Act): void {
  alongside(tx, audit({ clock, ids }, tx, { ...act, subject: { type: "webhook", id: webhookId } }));
}

/** What the audit trail keeps of a webhook: all but its secret. */
const factsOf = ({ url, description, events, enabled }: Webhook) => ({ url, description, events, enabled });

interface NewWebhook {
  readonly url: string;
  readonly description: string;
  readonly events: WebhookEventType[];
}

/** Registers an address; it is told of what is committed from now on. */
export async function registerWebhook(
  context: ServiceContext,
  { url, description, events }: NewWebhook,
  origin: AuditOrigin,
): Promise<WithSecret> {
  const now = new Date(context.clock.now());
  const secret = newSecret();
  const row = { id: context.ids(), url, description, events, enabled: true, secret, previousSecret: null };
  const whole = { ...row, previousSecretUntil: null, createdAt: now, updatedAt: now };
  const webhook = toWebhook(whole, { pending: 0, dead: 0 });
  await inTransaction(context.db, async (tx) => {
    await insertWebhook(tx, whole);
    record(context, tx, { action: "WEBHOOK_REGISTERED", webhookId: row.id, origin, after: factsOf(webhook) });
  });
  context.logger.info("WEBHOOK_REGISTERED", "a webhook was registered", {
    ...{ webhookId: row.id, events, by: origin.actor?.id },
  });
  return { ...webhook, secret };
}

/** @returns the webhook as it is then; undefined when there is none */
export async function changeWebhook(
  context: ServiceContext,
  id: string,
  change: WebhookChange,
  origin: AuditOrigin,
): Promise<Webhook | undefined> {
  const changed = await inTransaction(context.db, async (tx) => {
    const before = await lockWebhook(tx, id);
    if (before === undefined) return undefined;
    const after = await updateWebhook(tx, id, change, new Date(context.clock.now()));
    const facts = { before: factsOf(before), after: after && factsOf(after) };
    record(context, tx, { action: "WEBHOOK_CHANGED", webhookId: id, origin, ...facts });
    return after;
  });
  if (changed !== undefined)
    context.logger.info("WEBHOOK_CHANGED", "a webhook was changed", {
      ...{ webhookId: id, changed: Object.keys(change), by: origin.actor?.id },
    });
  return changed;
}

/** @returns the webhook with its new secret; undefined when there is none */
export async function renewSecret(
  context: ServiceContext,
  id: string,
  origin: AuditOrigin,
): Promise<WithSecret | undefined> {
  const now = context.clock.now();
  const secret = newSecret();
  const webhook = await inTransaction(context.db, async (tx) => {
    if ((await lockWebhook(tx, id)) === undefined) return undefined;
    await replaceSecret(tx, { id, secret, until: new Date(now + CHANGEOVER_MS), now: new Date(now) });
    const found = await findWebhook(tx, id);
    record(context, tx, { action: "WEBHOOK_SECRET_RENEWED", webhookId: id, origin });
    return found;
  });
  if (webhook === undefined) return undefined;
  context.logger.info("WEBHOOK_SECRET_RENEWED", "a webhook has a new secret", {
    ...{ webhookId: id, by: origin.actor?.id },
  });
  return { ...webhook, secret };
}

/** Removes a webhook with all that it has not been told. @returns whether there was one */
export async function removeWebhook(context: ServiceContext, id: string, origin: AuditOrigin): Promise<boolean> {
  const removed = await inTransaction(context.db, async (tx) => {
    const before = await lockWebhook(tx, id);
    if (before === undefined) return false;
    await deleteWebhook(tx, id);
    await forgetDeliveries(tx, id);
    record(context, tx, { action: "WEBHOOK_REMOVED", webhookId: id, origin, before: factsOf(before) });
    return true;
  });
  if (removed)
    context.logger.info("WEBHOOK_REMOVED", "a webhook was removed", { ...{ webhookId: id, by: origin.actor?.id } });
  return removed;
}

/**
 * Lets what was given up be sent again, with all of its retries.
 * @param only only those with these ids
 * @returns how many
 */
export async function replayWebhook(
  context: ServiceContext,
  id: string,
  only: readonly string[] | undefined,
  origin: AuditOrigin,
): Promise<number> {
  const replayed = await inTransaction(context.db, async (tx) => {
    const count = await replayDead(tx, id, only, new Date(context.clock.now()));
    record(context, tx, { action: "WEBHOOK_REPLAYED", webhookId: id, origin, after: { replayed: count, ids: only } });
    return count;
  });
  context.logger.info("WEBHOOK_REPLAYED", "events that a webhook was not told are sent again", {
    ...{ webhookId: id, replayed, by: origin.actor?.id },
  });
  return replayed;
}
