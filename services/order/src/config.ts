import { parseNetwork } from "@shop/http/outbound/public-addresses";
import { commaSeparated, wholeNumber } from "@shop/runtime/config";
import { z } from "zod";
import { LOOKED_AT } from "./db/customer-holdings.ts";

/** Networks in CIDR notation, separated by commas. */
const networks = commaSeparated.transform((parts, context) =>
  parts.map((part) => {
    try {
      return parseNetwork(part);
    } catch {
      context.addIssue({ code: "custom", message: `${JSON.stringify(part)} is no network, such as 10.0.0.0/8` });
      return z.NEVER;
    }
  }),
);

/** The settings that only the order service has, each by its environment variable. */
export const orderSettings = {
  MAX_OPEN_ORDERS_PER_CUSTOMER: wholeNumber(1, LOOKED_AT)
    .optional()
    .describe("orders of one customer that have not ended; no limit when it is not set"),
  MAX_UNITS_HELD_PER_CUSTOMER: wholeNumber(1, 1_000_000)
    .optional()
    .describe("units of goods in them; no limit when it is not set"),
  WEBHOOK_ALLOWED_NETWORKS: networks
    .optional()
    .describe(
      "networks besides the public internet that webhooks may be sent to, such as 10.1.0.0/16; also by plain http",
    ),
};
