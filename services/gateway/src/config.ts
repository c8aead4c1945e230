import { type ServiceName, serviceNames, services } from "@shop/contracts/services";
import { httpUrls, milliseconds, wholeNumber } from "@shop/runtime/config";
import { edgeSettings } from "@shop/service/edge";
import { processSettings, streamSettings, tokenSettings } from "@shop/service/settings";
import { z } from "zod";
import { traceUrl } from "@shop/service/tracing";

/** The setting that says where a service is. */
type AddressSetting<Name extends ServiceName = ServiceName> = `${Uppercase<Name>}_URL`;

const settingOf = <Name extends ServiceName>(name: Name) => `${name.toUpperCase()}_URL` as AddressSetting<Name>;

const addressSettings = Object.fromEntries(
  serviceNames.map((name) => [settingOf(name), httpUrls.default([`http://localhost:${services[name].port}`])]),
) as Readonly<Record<AddressSetting, ReturnType<typeof httpUrls.default>>>;

/** The base addresses of each service. */
export function addressesOf(config: Readonly<Record<AddressSetting, readonly string[]>>) {
  const addresses = serviceNames.map((name) => [name, config[settingOf(name)]]);
  return Object.fromEntries(addresses) as Readonly<Record<ServiceName, readonly string[]>>;
}

/** The settings of the gateway, each by its environment variable. */
export const gatewaySettings = {
  ...processSettings("gateway"),
  ...tokenSettings,
  ...edgeSettings,
  ...streamSettings,
  ...addressSettings,
  RATE_LIMIT_PER_USER_PER_SECOND: wholeNumber(1, 1_000_000).default(100),
  RATE_LIMIT_DATABASE_URL: z
    .url({ protocol: /^postgres(ql)?$/ })
    .optional()
    .describe("a database in which all replicas count together; without it each counts for itself"),
  /** Callers are to hear of a service that is down within 2 s. */
  UPSTREAM_TIMEOUT_MS: milliseconds.default(1_800),
  TRACE_LINK: traceUrl,
};
