import { runMain } from "@shop/service/process";
import { runService } from "@shop/service/run";
import { orderSagaVersions } from "./sagas/registry.ts";
import { createOrchestrator } from "./service.ts";

runMain(() => runService(createOrchestrator(orderSagaVersions), process.env));
