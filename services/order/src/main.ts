import { loadConfig } from "@shop/runtime/config";
import { runMain } from "@shop/service/process";
import { runParticipant } from "@shop/service/run";
import { orderSettings } from "./config.ts";
import { createOrderService } from "./service.ts";

runMain(() => {
  const { WEBHOOK_ALLOWED_NETWORKS: allowed = [] } = loadConfig(orderSettings, process.env);
  runParticipant(createOrderService({ allowed }), process.env);
});
