import { toPage } from "@shop/contracts/http/page";
import * as calls from "@shop/contracts/http/webhook";
import { done, problem } from "@shop/http/request/answer";
import type { HttpApp } from "@shop/http/server/app";
import type { Network } from "@shop/http/outbound/public-addresses";
import { auditOrigin } from "@shop/service/audit-origin";
import type { ServiceContext } from "@shop/service/context";
import { countDead, listDeliveries } from "../db/webhook-deliveries.ts";
import { findWebhook, listWebhooks } from "../db/webhooks.ts";
import {
  changeWebhook,
  objectionToAddress,
  registerWebhook,
  removeWebhook,
  renewSecret,
  replayWebhook,
} from "../use-cases/manage-webhooks.ts";

const notFound = () => problem("NOT_FOUND", "There is no such webhook.");

/** What admins do with webhooks. */
export function webhookRoutes(app: HttpApp, context: ServiceContext, allowed: readonly Network[]): void {
  function refusedAddress(url: string | undefined) {
    const message = url === undefined ? undefined : objectionToAddress(url, allowed);
    if (message === undefined) return undefined;
    return problem("INVALID_REQUEST", `The URL ${message}.`, { errors: [{ path: "url", message }] });
  }

  app.handle(calls.listWebhooks, async ({ query: { limit, cursor }, signal }) =>
    done(toPage(await listWebhooks(context.read(signal), { afterId: cursor, limit: limit + 1 }), limit)),
  );

  app.handle(calls.getWebhook, async ({ id, signal }) => {
    const webhook = await findWebhook(context.read(signal), id);
    return webhook ? done(webhook) : notFound();
  });

  app.handle(calls.createWebhook, async (call) => {
    const { body } = call;
    const refused = refusedAddress(body.url);
    if (refused !== undefined) return refused;
    const webhook = await registerWebhook(context, body, auditOrigin(call));
    return done(webhook, { location: `/api/webhooks/${webhook.id}` });
  });

  app.handle(calls.changeWebhook, async (call) => {
    const { id, body } = call;
    const refused = refusedAddress(body.url);
    if (refused !== undefined) return refused;
    const webhook = await changeWebhook(context, id, body, auditOrigin(call));
    return webhook ? done(webhook) : notFound();
  });

  app.handle(calls.removeWebhook, async (call) =>
    (await removeWebhook(context, call.id, auditOrigin(call))) ? done() : notFound(),
  );

  app.handle(calls.renewWebhookSecret, async (call) => {
    const webhook = await renewSecret(context, call.id, auditOrigin(call));
    return webhook ? done(webhook) : notFound();
  });

  app.handle(calls.listWebhookDeliveries, async ({ id, query: { limit, cursor, state, orderId }, signal }) => {
    const read = context.read(signal);
    if ((await findWebhook(read, id)) === undefined) return notFound();
    const rows = await listDeliveries(read, { webhookId: id, state, orderId, afterId: cursor, limit: limit + 1 });
    return done(toPage(rows, limit));
  });

  app.handle(calls.replayWebhook, async (call) => {
    const { id, body, signal } = call;
    const { ids, dryRun } = body;
    const read = context.read(signal);
    if ((await findWebhook(read, id)) === undefined) return notFound();
    if (dryRun) return done({ dryRun, replayed: await countDead(read, id, ids) });
    return done({ dryRun, replayed: await replayWebhook(context, id, ids, auditOrigin(call)) });
  });
}
