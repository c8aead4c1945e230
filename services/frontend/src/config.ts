import { flag, httpUrls, milliseconds } from "@shop/runtime/config";
import { edgeSettings } from "@shop/service/edge";
import { processSettings } from "@shop/service/settings";

/** The settings of the frontend, each by its environment variable. */
export const frontendSettings = {
  ...processSettings("frontend"),
  ...edgeSettings,
  GATEWAY_URL: httpUrls.default(["http://localhost:8000"]),
  /** A little more than the gateway gives a service, so that the gateway's own answer comes first; still within 2 s. */
  UPSTREAM_TIMEOUT_MS: milliseconds.default(1_900),
  COOKIES_SECURE: flag
    .default(false)
    .describe("true where browsers reach the pages by https: session cookies then never go over plain http"),
  REBUILD_PAGES: flag.default(false).describe("true builds the pages anew for each visit: for who works on them"),
};
