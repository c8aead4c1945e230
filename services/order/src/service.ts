import { services } from "@shop/contracts/services";
import { defineService, type Participant } from "@shop/service/define-service";
import { knowsOrder } from "./db/knows-order.ts";
import type { CustomerLimits } from "./domain/customer-limits.ts";
import { orderRoutes } from "./http/routes.ts";
import { webhookRoutes } from "./http/webhook-routes.ts";
import { orderHandlers } from "./messages/handlers.ts";
import { catalogueReadiness, requestCatalogueUntilComplete } from "./use-cases/request-catalogue.ts";
import { indexOrders } from "./use-cases/index-orders.ts";
import { purgeIdempotencyKeys } from "./use-cases/purge-idempotency-keys.ts";
import { republishOrders } from "./use-cases/republish-orders.ts";
import { sendWebhooks, type WebhookSending } from "./use-cases/send-webhooks.ts";

/** The order service: takes orders, tells of them, and ends them when the saga says so. */
export function createOrderService(webhooks: WebhookSending, limits: CustomerLimits = {}): Participant {
  return defineService({
    name: "order",
    database: { migrations: `${import.meta.dir}/../migrations` },
    messaging: { topics: services.order.topics.reads, handlers: orderHandlers },
    routes: (app, context) => {
      orderRoutes(app, context, limits);
      webhookRoutes(app, context, webhooks.allowed);
    },
    knows: knowsOrder,
    readiness: { name: "catalogue", check: catalogueReadiness },
    background: [
      requestCatalogueUntilComplete,
      purgeIdempotencyKeys,
      indexOrders,
      republishOrders,
      (context, signal) => sendWebhooks(context, signal, webhooks),
    ],
  });
}

/** As it runs without settings of its own: webhooks go to public addresses only. */
export const orderService: Participant = createOrderService({ allowed: [] });
