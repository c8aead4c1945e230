import { services } from "@shop/contracts/services";
import { defineService, type Participant } from "@shop/service/define-service";
import { knowsOrder } from "./db/knows-order.ts";
import { productRoutes } from "./http/routes.ts";
import { productHandlers } from "./messages/handlers.ts";
import { auditStock } from "./use-cases/audit-stock.ts";
import { seedDemoProducts } from "./use-cases/seed-demo-products.ts";

/** The product service: what is on sale, and the stock that orders take and give back. */
export const productService: Participant = defineService({
  name: "product",
  database: { migrations: `${import.meta.dir}/../migrations` },
  messaging: { topics: services.product.topics.reads, handlers: productHandlers },
  routes: productRoutes,
  knows: knowsOrder,
  findings: { DRIFTING_PRODUCTS: "books_drift_products" },
  background: [auditStock],
  seedDemoData: seedDemoProducts,
});
