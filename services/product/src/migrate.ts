import { migrateAndLeave } from "@shop/service/migrate";
import { startOrExplain } from "@shop/service/process";
import { productService } from "./service.ts";

startOrExplain(() => migrateAndLeave(productService, process.env));
