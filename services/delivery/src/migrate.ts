import { runMigrations } from "@shop/service/migrate";
import { runMain } from "@shop/service/process";
import { deliveryService } from "./service.ts";

runMain(() => runMigrations(deliveryService, process.env));
