import { isIP } from "node:net";
import type { Context } from "hono";
import { forwardedAddress } from "../auth/rate-limit.ts";

/** What the gateway tells a service of the client's address. The gateway passes none on that comes from outside. */
export const CLIENT_ADDRESS = "x-client-address";
/** What the frontend tells the gateway of it, as every proxy does. */
export const FORWARDED_FOR = "x-forwarded-for";

/** Gives the client's IP address, by a request's headers and the address of who is connected. */
export type ClientAddressRule = (headers: Headers, peer: () => string | undefined) => string | undefined;

/** How a service knows the client's address: the gateway says so. */
export const addressFromGateway: ClientAddressRule = (headers) => usable(headers.get(CLIENT_ADDRESS) ?? undefined);

/**
 * How a process that clients reach knows it: what the nearest of its trusted proxies tell, as `forwardedAddress` reads it; without any, who is
 * connected.
 */
export const addressAtEdge =
  (trustedProxies: number): ClientAddressRule =>
  (headers, peer) =>
    usable(trustedProxies > 0 ? forwardedAddress(headers, trustedProxies) : peer());

/** What `createApp` hands to hono beside each request. */
export interface ClientAddressEnvironment {
  readonly clientAddress: (headers: Headers) => string | undefined;
}

/** The client's IP address; undefined when nobody tells it. */
export function clientAddressOf(c: Context): string | undefined {
  const environment = c.env as Partial<ClientAddressEnvironment> | undefined;
  return environment?.clientAddress?.(c.req.raw.headers);
}

/** An IPv4 address within IPv6 is shown as what it is. */
const IPV4_MAPPED = /^::ffff:(?=\d+\.)/i;

function usable(address: string | undefined): string | undefined {
  const shown = address?.replace(IPV4_MAPPED, "");
  return shown === undefined || isIP(shown) === 0 ? undefined : shown;
}
