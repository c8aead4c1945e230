import { services } from "@shop/contracts/services";
import { runBulkOperations } from "@shop/service/bulk";
import { defineService, type Participant } from "@shop/service/define-service";
import { knowsOrder } from "./db/knows-order.ts";
import { deliveryRoutes } from "./http/routes.ts";
import { bulkReleases } from "./use-cases/bulk-release.ts";
import { deliveryHandlers } from "./messages/handlers.ts";

/** The delivery service: deliveries that wait for a rider, and what riders make of them. */
export const deliveryService: Participant = defineService({
  name: "delivery",
  database: { migrations: `${import.meta.dir}/../migrations` },
  messaging: { topics: services.delivery.topics.reads, handlers: deliveryHandlers },
  routes: deliveryRoutes,
  knows: knowsOrder,
  background: [(context, signal) => runBulkOperations(context, signal, bulkReleases(context))],
});
