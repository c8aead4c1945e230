import { runMigrations } from "@shop/service/migrate";
import { runMain } from "@shop/service/process";
import { orchestratorService } from "./service.ts";

runMain(() => runMigrations(orchestratorService, process.env));
