import { runMain } from "@shop/service/process";
import { runAuditVerification } from "@shop/service/verify-audit";
import { orderService } from "./service.ts";

runMain(() => runAuditVerification(orderService, process.env));
