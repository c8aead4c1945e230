import { services } from "@shop/contracts/services";
import { type Participant, participantMigrations } from "@shop/service/participant";
import { knowsOrder } from "./db/knows-order.ts";
import { productRoutes } from "./http/routes.ts";
import { productHandlers } from "./messages/handlers.ts";
import { auditStock } from "./use-cases/audit-stock.ts";
import { seedDemoProducts } from "./use-cases/seed-demo-products.ts";

/** The product service: what is on sale, and the stock that orders take and give back. */
export const productService: Participant = {
  name: "product",
  migrations: participantMigrations(`${import.meta.dir}/../migrations`),
  topics: services.product.topics.reads,
  handlers: productHandlers,
  routes: productRoutes,
  knows: knowsOrder,
  findings: { DRIFTING_PRODUCTS: "books_drift_products" },
  background: [auditStock],
  seedDemoData: seedDemoProducts,
};
