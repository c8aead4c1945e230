import { runMigrations } from "@shop/service/migrate";
import { runMain } from "@shop/service/process";
import { productService } from "./service.ts";

runMain(() => runMigrations(productService, process.env));
