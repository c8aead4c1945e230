import { runMigrations } from "@shop/service/migrate";
import { runMain } from "@shop/service/process";
import { MIGRATIONS } from "./service.ts";

runMain(() => runMigrations({ name: "user", migrations: MIGRATIONS }, process.env));
