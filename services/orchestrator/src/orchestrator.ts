import type { Participant } from "@shop/service/participant";
import { sagaRoutes } from "./http/routes.ts";
import { runSagaTimers, sagaHandlers } from "./saga/run.ts";
import type { SagaVersions } from "./saga/versions.ts";
import { watchSagas } from "./saga/watch.ts";

/** An orchestrator that drives every order's saga from OrderCreated to its end, each under the version that it began with. */
export function createOrchestrator(versions: SagaVersions): Participant {
  return {
    name: "orchestrator",
    migrations: `${import.meta.dir}/../migrations`,
    topics: ["order.events", "product.events", "delivery.events"],
    handlers: (context) => sagaHandlers(context, versions),
    routes: (app, context) => sagaRoutes(app, context, versions),
    background: [
      (context, signal) => runSagaTimers(context, signal, versions),
      (context, signal) => watchSagas(context, signal, versions),
    ],
  };
}
