import { parseNetwork } from "@shop/http/outbound/public-addresses";
import { commaSeparated } from "@shop/runtime/config";
import { z } from "zod";

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
  WEBHOOK_ALLOWED_NETWORKS: networks
    .optional()
    .describe(
      "networks besides the public internet that webhooks may be sent to, such as 10.1.0.0/16; also by plain http",
    ),
};
