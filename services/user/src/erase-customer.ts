import { runErasure } from "@shop/service/erase-customer";
import { runMain } from "@shop/service/process";
import { MIGRATIONS } from "./service.ts";
import { eraseCustomer } from "./use-cases/erase-customer.ts";

runMain(() => runErasure({ name: "user", migrations: MIGRATIONS }, eraseCustomer, process.argv.slice(2), process.env));
