import * as bulkCalls from "@shop/contracts/http/bulk";
import * as calls from "@shop/contracts/http/delivery";
import { toPage, spanOf } from "@shop/contracts/http/page";
import { done, problem } from "@shop/http/request/answer";
import type { HttpApp } from "@shop/http/server/app";
import type { Principal } from "@shop/http/auth/principal";
import { auditOrigin } from "@shop/service/audit-origin";
import { beginBulk, bulkById, bulkPage, bulkRequestOf, stopBulkById } from "@shop/service/bulk";
import type { ServiceContext } from "@shop/service/context";
import { findDelivery, listDeliveries, lookForDeliveries } from "../db/deliveries.ts";
import { bulkReleases } from "../use-cases/bulk-release.ts";
import { changeDeliveries, type DeliveryChangeResult } from "../use-cases/change-delivery.ts";
import { claimDelivery } from "../use-cases/claim-delivery.ts";
import { completeDelivery } from "../use-cases/complete-delivery.ts";
import { failDelivery } from "../use-cases/fail-delivery.ts";
import { releaseDelivery } from "../use-cases/release-delivery.ts";

/** Customers see the deliveries of their own orders, riders and admins everyone's. */
const customerSeenBy = ({ id, role }: Principal) => (role === "customer" ? id : undefined);

const refusals = {
  NOT_FOUND: "There is no such delivery.",
  DELIVERY_ENDED: "The delivery has ended.",
  DELIVERY_TAKEN: "Another rider has this delivery.",
  DELIVERY_NOT_YOURS: "Claim the delivery first.",
} as const;
const notFound = () => problem("NOT_FOUND", refusals.NOT_FOUND);
const answer = (result: DeliveryChangeResult) =>
  result.kind === "done" ? done(result.delivery) : problem(result.code, refusals[result.code]);

export function deliveryRoutes(app: HttpApp, context: ServiceContext): void {
  const change = changeDeliveries(context);

  app.handle(calls.listDeliveries, async ({ principal, query, signal }) => {
    const { limit, status, orderId, riderId, failReason } = query;
    const seen = customerSeenBy(principal);
    if (seen !== undefined && (query.customerId ?? seen) !== seen) return done({ items: [], nextCursor: null });
    const wanted = { customerId: seen ?? query.customerId, status, orderId, span: spanOf(query) };
    if (riderId !== undefined || failReason !== undefined)
      return done(await lookForDeliveries(context.read(signal), { ...wanted, limit }, { riderId, failReason }));
    const rows = await listDeliveries(context.read(signal), { ...wanted, limit: limit + 1 });
    return done(toPage(rows, limit));
  });

  const target = bulkReleases(context);
  app.handle(bulkCalls.bulkDeliveries, async (call) =>
    done(await beginBulk(context, target, bulkRequestOf(call), call.signal)),
  );
  app.handle(bulkCalls.listDeliveryBulks, async ({ query, signal }) =>
    done(await bulkPage(context, target, query, signal)),
  );
  app.handle(bulkCalls.getDeliveryBulk, async ({ id, signal }) => {
    const bulk = await bulkById(context, id, signal);
    return bulk ? done(bulk) : problem("NOT_FOUND", "There is no such operation.");
  });
  app.handle(bulkCalls.stopDeliveryBulk, async (call) => {
    const bulk = await stopBulkById(context, call.id, auditOrigin(call));
    return bulk ? done(bulk) : problem("NOT_FOUND", "There is no such operation.");
  });

  app.handle(calls.getDelivery, async ({ principal, id, signal }) => {
    const delivery = await findDelivery(context.read(signal), id, customerSeenBy(principal));
    return delivery ? done(delivery) : notFound();
  });

  app.handle(calls.claimDelivery, async (call) =>
    answer(await claimDelivery(change, { deliveryId: call.id, riderId: call.principal.id, origin: auditOrigin(call) })),
  );

  app.handle(calls.releaseDelivery, async (call) => {
    const riderId = call.principal.role === "admin" ? undefined : call.principal.id;
    return answer(await releaseDelivery(change, { deliveryId: call.id, riderId, origin: auditOrigin(call) }));
  });

  app.handle(calls.completeDelivery, async ({ principal, id, traceparent }) =>
    answer(await completeDelivery(change, { deliveryId: id, riderId: principal.id, traceparent })),
  );

  app.handle(calls.failDelivery, async (call) => {
    const { principal, id: deliveryId, body, traceparent } = call;
    const failure = { deliveryId, riderId: principal.id, reason: body.reason, traceparent, origin: auditOrigin(call) };
    return answer(await failDelivery(change, failure));
  });
}
