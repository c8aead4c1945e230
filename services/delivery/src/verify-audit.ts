import { runMain } from "@shop/service/process";
import { runAuditVerification } from "@shop/service/verify-audit";
import { deliveryService } from "./service.ts";

runMain(() => runAuditVerification(deliveryService, process.env));
