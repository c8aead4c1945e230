import { migrateAndLeave } from "@shop/service/migrate";
import { startOrExplain } from "@shop/service/process";
import { deliveryService } from "./service.ts";

startOrExplain(() => migrateAndLeave(deliveryService, process.env));
