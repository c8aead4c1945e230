import type { Participant } from "@shop/service/participant";
import { sagaRoutes } from "./http/routes.ts";
import { runSagaTimers, sagaHandlers } from "./saga/run.ts";

/** The orchestrator: drives every order's saga from OrderCreated to its end. */
export const orchestratorService: Participant = {
  name: "orchestrator",
  migrations: `${import.meta.dir}/../migrations`,
  topics: ["order.events", "product.events", "delivery.events"],
  handlers: sagaHandlers,
  routes: sagaRoutes,
  background: [runSagaTimers],
};
