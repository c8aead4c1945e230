import { runMain } from "@shop/service/process";
import { runAuditVerification } from "@shop/service/verify-audit";
import { MIGRATIONS } from "./service.ts";

runMain(() => runAuditVerification({ name: "user", migrations: MIGRATIONS }, process.env));
