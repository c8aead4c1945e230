import { migrateAndLeave } from "@shop/service/migrate";
import { startOrExplain } from "@shop/service/process";
import { MIGRATIONS } from "./service.ts";

startOrExplain(() => migrateAndLeave({ name: "user", migrations: MIGRATIONS }, process.env));
