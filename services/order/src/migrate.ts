import { runMigrations } from "@shop/service/migrate";
import { runMain } from "@shop/service/process";
import { orderService } from "./service.ts";

runMain(() => runMigrations(orderService, process.env));
