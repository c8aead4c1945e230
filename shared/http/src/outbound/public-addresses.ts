import { lookup } from "node:dns/promises";
import { isIP } from "node:net";
import { ExplainedError } from "@shop/runtime/errors";
import ipaddr from "ipaddr.js";

/** A network in CIDR notation, such as `10.0.0.0/8`. */
export type Network = ReturnType<typeof ipaddr.parseCIDR>;

/** @throws Error for what is no network in CIDR notation */
export const parseNetwork = (cidr: string): Network => ipaddr.parseCIDR(cidr);

/** A URL that others gave leads where this process must not send anything. */
export class AddressRefused extends ExplainedError {
  override readonly name = "AddressRefused";
}

/** Finds the IP addresses of a name. */
export type Resolve = (host: string) => Promise<readonly string[]>;

export const resolveByDns: Resolve = async (host) => (await lookup(host, { all: true })).map(({ address }) => address);

/** Whether an address is on the public internet: not private, loopback, link-local, shared, multicast, reserved, or an IPv6 form of an IPv4 address. */
const isPublic = (address: string): boolean => ipaddr.process(address).range() === "unicast";

function isIn(address: string, networks: readonly Network[]): boolean {
  const parsed = ipaddr.process(address);
  return networks.some(([base, bits]) => base.kind() === parsed.kind() && parsed.match(base, bits));
}

/** The host of a URL as the resolver takes it: an IPv6 address without its brackets. */
const hostOf = (url: URL): string => url.hostname.replace(/^\[(.*)\]$/, "$1");

/**
 * What speaks against a URL before anything is looked up: its scheme, a password in it, an address that is not public.
 * Plain http is for networks that are allowed by name, so that nothing crosses the internet unencrypted.
 * @returns a sentence, or undefined when nothing does
 */
export function objectionToUrl(url: URL, allowed: readonly Network[]): string | undefined {
  if (url.protocol !== "https:" && (url.protocol !== "http:" || allowed.length === 0))
    return "must begin with https://";
  if (url.username !== "" || url.password !== "") return "must not hold a name or a password";
  const host = hostOf(url);
  if (isIP(host) === 0) return undefined;
  return objectionToAddress(host, url, allowed);
}

function objectionToAddress(address: string, url: URL, allowed: readonly Network[]): string | undefined {
  if (isIn(address, allowed)) return undefined;
  if (url.protocol !== "https:") return `must begin with https://, since ${address} is in no network that is allowed`;
  return isPublic(address) ? undefined : `leads to ${address}, which is no public address`;
}

/**
 * The addresses of a URL's host, when a request may go to all of them. The request must then go to one of these and not look the name up again: a
 * name whose answer changes in between (DNS rebinding) would lead it elsewhere.
 * @throws AddressRefused when one of them is not allowed, or there is none
 */
export async function addressesOf(url: URL, allowed: readonly Network[], resolve: Resolve): Promise<readonly string[]> {
  const refused = objectionToUrl(url, allowed);
  if (refused !== undefined) throw new AddressRefused(`the URL ${refused}`);
  const host = hostOf(url);
  const addresses = isIP(host) === 0 ? await resolve(host) : [host];
  if (addresses.length === 0) throw new AddressRefused(`${host} has no address`);
  for (const address of addresses) {
    const objection = objectionToAddress(address, url, allowed);
    if (objection !== undefined) throw new AddressRefused(`the URL ${objection}`);
  }
  return addresses;
}
