import { httpUrls, milliseconds, wholeNumber } from "@shop/runtime/config";
import { edgeSettings } from "@shop/service/edge";
import { processSettings, streamSettings, tokenSettings } from "@shop/service/settings";

/** The settings of the gateway, each by its environment variable. */
export const gatewaySettings = {
  ...processSettings("gateway"),
  ...tokenSettings,
  ...edgeSettings,
  ...streamSettings,
  USER_URL: httpUrls.default(["http://localhost:8001"]),
  ORDER_URL: httpUrls.default(["http://localhost:8002"]),
  PRODUCT_URL: httpUrls.default(["http://localhost:8003"]),
  DELIVERY_URL: httpUrls.default(["http://localhost:8004"]),
  ORCHESTRATOR_URL: httpUrls.default(["http://localhost:8005"]),
  RATE_LIMIT_PER_USER_PER_SECOND: wholeNumber(1, 1_000_000).default(100),
  /** Callers are to hear of a service that is down within 2 s. */
  UPSTREAM_TIMEOUT_MS: milliseconds.default(1_800),
};
