import { migrateAndLeave } from "@shop/service/migrate";
import { startOrExplain } from "@shop/service/process";
import { orderService } from "./service.ts";

startOrExplain(() => migrateAndLeave(orderService, process.env));
