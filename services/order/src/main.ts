import { loadConfig } from "@shop/runtime/config";
import { runMain } from "@shop/service/process";
import { runService } from "@shop/service/run";
import { orderSettings } from "./config.ts";
import { createOrderService } from "./service.ts";

runMain(() => {
  const config = loadConfig(orderSettings, process.env);
  const limits = { openOrders: config.MAX_OPEN_ORDERS_PER_CUSTOMER, units: config.MAX_UNITS_HELD_PER_CUSTOMER };
  return runService(createOrderService({ allowed: config.WEBHOOK_ALLOWED_NETWORKS ?? [] }, limits), process.env);
});
