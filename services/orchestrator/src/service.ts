import type { Participant } from "@shop/service/participant";
import { createOrchestrator } from "./orchestrator.ts";
import { orderSagaVersions } from "./sagas/registry.ts";

/** The orchestrator of this release. */
export const orchestratorService: Participant = createOrchestrator(orderSagaVersions);
