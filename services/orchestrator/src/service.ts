import type { OrderSnapshot } from "@shop/contracts/messages/order";
import type { CancelReason } from "@shop/contracts/primitives";
import { services } from "@shop/contracts/services";
import { combineHandlers } from "@shop/messaging/inbox/handlers";
import { defineService, type Participant } from "@shop/service/define-service";
import { runBulkOperations } from "@shop/service/bulk";
import { bulkSagas } from "./saga/bulk.ts";
import { knowsOrder } from "./use-cases/show-saga.ts";
import { sagaRoutes } from "./http/routes.ts";
import { auditHandlers } from "./messages/audit-handlers.ts";
import { runSagaTimers, sagaHandlers } from "./saga/run.ts";
import type { SagaVersions } from "./saga/versions.ts";
import { orderSagaVersions } from "./sagas/registry.ts";
import { watchSagas } from "./saga/watch.ts";
import { auditBooks } from "./use-cases/audit-books.ts";

/** An orchestrator that drives every order's saga from OrderCreated to its end, each under the version that it began with, and audits the books. */
export function createOrchestrator(versions: SagaVersions<OrderSnapshot, CancelReason>): Participant {
  return defineService({
    name: "orchestrator",
    database: { migrations: `${import.meta.dir}/../migrations` },
    messaging: {
      topics: services.orchestrator.topics.reads,
      handlers: (context) => combineHandlers(sagaHandlers(context, versions), auditHandlers(context)),
    },
    knows: (read, orderId) => knowsOrder(read, orderId, versions),
    routes: (app, context) => sagaRoutes(app, context, versions),
    findings: { STUCK_SAGAS: "sagas_stuck", DRIFTING_ORDERS: "books_drift_orders" },
    background: [
      (context, signal) => runSagaTimers(context, signal, versions),
      (context, signal) => watchSagas(context, signal, versions),
      auditBooks,
      (context, signal) => runBulkOperations(context, signal, bulkSagas(context, versions)),
    ],
  });
}

/** The orchestrator of this release. */
export const orchestratorService: Participant = createOrchestrator(orderSagaVersions);
