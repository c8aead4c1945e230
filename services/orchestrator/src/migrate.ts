import { migrateAndLeave } from "@shop/service/migrate";
import { startOrExplain } from "@shop/service/process";
import { orchestratorService } from "./service.ts";

startOrExplain(() => migrateAndLeave(orchestratorService, process.env));
