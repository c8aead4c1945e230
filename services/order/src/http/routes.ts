import * as calls from "@shop/contracts/http/order";
import { toPage, spanOf } from "@shop/contracts/http/page";
import type { HttpApp } from "@shop/http/server/app";
import { done, problem } from "@shop/http/request/answer";
import { events, noMoreEvents } from "@shop/http/streaming/event-stream";
import type { Principal } from "@shop/http/auth/principal";
import { auditOrigin } from "@shop/service/audit-origin";
import type { ServiceContext } from "@shop/service/context";
import { findOrder, listOrders, toOrder } from "../db/orders.ts";
import type { CustomerLimits } from "../domain/customer-limits.ts";
import { cancelOrder } from "../use-cases/cancel-order.ts";
import { lastEventId, stateOf } from "../use-cases/order-events.ts";
import { placeOrders } from "../use-cases/place-order.ts";
import { watchOrders } from "../use-cases/watch-orders.ts";

/** A customer sees their own orders, an admin everyone's. */
const ownerSeenBy = ({ id, role }: Principal) => (role === "admin" ? undefined : id);
/** Orders end when their deliveries do, which takes minutes. */
const RETRY_WHEN_ORDERS_END_S = 60;
const notFound = () => problem("NOT_FOUND", "There is no such order.");

export function orderRoutes(app: HttpApp, context: ServiceContext, limits: CustomerLimits = {}): void {
  const placeOrder = placeOrders(context, limits);
  const orderWatch = watchOrders(context);
  context.onHandled((keys) => orderWatch.look(keys));

  app.handle(calls.createOrder, async ({ principal, body, headers, traceparent }) => {
    const idempotencyKey = headers["idempotency-key"];
    const { items, deliveryAddress, expectedTotal } = body;
    const customerId = principal.id;
    const result = await placeOrder({ customerId, items, deliveryAddress, expectedTotal, idempotencyKey, traceparent });
    switch (result.kind) {
      case "placed":
        return done(result.order, { location: `/api/orders/${result.order.id}` });
      case "replayed":
        return done(result.order, { location: `/api/orders/${result.order.id}`, "idempotency-replayed": "true" });
      case "refused":
        if (result.code === "IDEMPOTENCY_KEY_REUSED") {
          return problem(
            result.code,
            "This Idempotency-Key was used for another order. Use a new key for a new order.",
            { errors: [{ path: "idempotency-key", message: "was used with another body" }] },
          );
        }
        if (result.code === "PRICE_CHANGED") {
          const { expectedTotal: expected, total, items: priced } = result;
          return problem(
            result.code,
            `The order would cost ${total}, not ${expected} as expected. Nothing was placed.`,
            {
              members: { expectedTotal: expected, total, currency: "KRW", items: [...priced] },
            },
          );
        }
        if (result.code === "TOO_MANY_OPEN_ORDERS")
          return problem(result.code, result.detail, { retryAfterSeconds: RETRY_WHEN_ORDERS_END_S });
        return problem(result.code, "The order names a product that is not on sale.", {
          errors: result.positions.map((position) => ({
            path: `items.${position}.productId`,
            message: "is not on sale",
          })),
        });
    }
  });

  app.handle(calls.listOrders, async ({ principal, query, signal }) => {
    const { limit, status, reason, productId, q: words } = query;
    const owner = ownerSeenBy(principal);
    if (owner !== undefined && (query.customerId ?? owner) !== owner) return done({ items: [], nextCursor: null });
    const filter = { customerId: owner ?? query.customerId, status, reason, productId, words };
    const rows = await listOrders(context.read(signal), { ...filter, span: spanOf(query), limit: limit + 1 });
    return done(toPage(rows, limit));
  });

  app.handle(calls.getOrder, async ({ principal, id, signal }) => {
    const order = await findOrder(context.read(signal), id, ownerSeenBy(principal));
    return order ? done(toOrder(order)) : notFound();
  });

  app.handleEvents(calls.watchOrder, async ({ principal, id, headers, signal }) => {
    const row = await findOrder(context.read(signal), id, ownerSeenBy(principal));
    if (row === undefined) return notFound();
    const given = headers["last-event-id"];
    const seen = given === undefined ? undefined : Number(given);
    const last = lastEventId(row);
    if (seen !== undefined && seen > last) {
      return problem("INVALID_REQUEST", "Last-Event-ID names no event of this order.", {
        errors: [{ path: "last-event-id", message: `must be at most ${last}, the last one that there is` }],
      });
    }
    if (seen === last && row.status !== "PENDING") return noMoreEvents();
    return events((sink) => {
      if (seen === undefined) {
        const state = stateOf(row);
        sink.send({ id: state.id, data: state.event });
      }
      return orderWatch.watch(row, seen ?? last, {
        tell: (eventId, event) => sink.send({ id: eventId, data: event }),
        end: () => sink.end(),
      });
    });
  });

  app.handle(calls.cancelOrder, async (call) => {
    const { principal, id, traceparent } = call;
    const request = { orderId: id, customerId: ownerSeenBy(principal), traceparent, origin: auditOrigin(call) };
    const result = await cancelOrder(context, request);
    if (result.kind === "requested") {
      orderWatch.look([id]);
      return done(result.order);
    }
    return result.code === "NOT_FOUND"
      ? notFound()
      : problem(result.code, "The order has ended; it cannot be cancelled any more.");
  });
}
