import { flag, httpUrls, milliseconds, type SettingRule } from "@shop/runtime/config";
import { edgeSettings } from "@shop/service/edge";
import { environment, processSettings, streamSettings } from "@shop/service/settings";

/** The settings of the frontend, each by its environment variable. */
export const frontendSettings = {
  ...processSettings("frontend"),
  ...edgeSettings,
  MAX_EVENT_STREAMS: streamSettings.MAX_EVENT_STREAMS,
  GATEWAY_URL: httpUrls.default(["http://localhost:8000"]),
  /** A little more than the gateway gives a service, so that the gateway's own answer comes first; still within 2 s. */
  UPSTREAM_TIMEOUT_MS: milliseconds.default(1_900),
  ENVIRONMENT: environment,
  COOKIES_SECURE: flag
    .optional()
    .describe("true where browsers reach the pages by https: session cookies then never go over plain http"),
  REBUILD_PAGES: flag.default(false).describe("true builds the pages anew for each visit: for who works on them"),
};

interface CookieConfig {
  readonly ENVIRONMENT: "development" | "production";
  readonly COOKIES_SECURE?: boolean | undefined;
}

/** What would let a session's cookie of production go over plain http. */
export const frontendRules: readonly SettingRule<CookieConfig>[] = [
  ({ ENVIRONMENT, COOKIES_SECURE }) =>
    ENVIRONMENT === "production" && COOKIES_SECURE === false
      ? "COOKIES_SECURE is false in production: session cookies would go over plain http. Leave it out and let browsers come by https, or set ENVIRONMENT to development"
      : undefined,
];

/** Whether browsers come by https: always in production, elsewhere when the settings say so. */
export const isSecure = ({ ENVIRONMENT, COOKIES_SECURE }: CookieConfig): boolean =>
  COOKIES_SECURE ?? ENVIRONMENT === "production";
