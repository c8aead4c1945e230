import { runMain } from "@shop/service/process";
import { runAuditVerification } from "@shop/service/verify-audit";
import { orchestratorService } from "./service.ts";

runMain(() => runAuditVerification(orchestratorService, process.env));
