import { runMain } from "@shop/service/process";
import { runAuditVerification } from "@shop/service/verify-audit";
import { productService } from "./service.ts";

runMain(() => runAuditVerification(productService, process.env));
