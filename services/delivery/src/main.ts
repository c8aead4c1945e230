import { runMain } from "@shop/service/process";
import { runService } from "@shop/service/run";
import { deliveryService } from "./service.ts";

runMain(() => runService(deliveryService, process.env));
