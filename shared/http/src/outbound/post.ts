import { request as requestByHttp } from "node:http";
import { request as requestByHttps } from "node:https";
import { isIP, type LookupFunction } from "node:net";
import { addressesOf, type Network, type Resolve, resolveByDns } from "./public-addresses.ts";

export interface OutboundPost {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  /** Ends the request, whatever it waits for. */
  readonly signal: AbortSignal;
  /** Networks that are no part of the public internet and are allowed all the same. */
  readonly allowed: readonly Network[];
  /** By DNS by default. */
  readonly resolve?: Resolve;
  /** The certificates to trust instead of the system's, as PEM. */
  readonly ca?: string;
}

export interface OutboundAnswer {
  readonly status: number;
  /** The header `Retry-After`. */
  readonly retryAfter: string | undefined;
}

/**
 * Posts to a URL that somebody else chose. The name is looked up once, all of its addresses have to be allowed, and the request goes to one of these;
 * the certificate is still compared with the name. It follows no redirect, uses no proxy of the environment, and reads nothing of the answer but its head.
 * @throws AddressRefused; an Error when there is no answer; the signal's reason
 */
export async function postTo({ resolve = resolveByDns, ...given }: OutboundPost): Promise<OutboundAnswer> {
  const url = new URL(given.url);
  const { promise: ended, reject } = Promise.withResolvers<never>();
  const end = () => reject(given.signal.reason as Error);
  given.signal.addEventListener("abort", end, { once: true });
  try {
    given.signal.throwIfAborted();
    return await Promise.race([
      ended,
      addressesOf(url, given.allowed, resolve).then((addresses) => send(url, addresses, given)),
    ]);
  } finally {
    given.signal.removeEventListener("abort", end);
  }
}

function send(url: URL, addresses: readonly string[], given: Omit<OutboundPost, "resolve">): Promise<OutboundAnswer> {
  const { headers, body, signal, ca } = given;
  const pinned = addresses.map((address) => ({ address, family: isIP(address) }));
  const [first] = pinned;
  const look: LookupFunction = (_host, { all }, callback) => {
    if (all === true) callback(null, pinned);
    else callback(null, first?.address ?? "", first?.family);
  };
  return new Promise((done, fail) => {
    const options = {
      method: "POST",
      headers: { ...headers, "content-length": String(Buffer.byteLength(body)) },
      signal,
      // A connection of its own: one that is kept could lead to an address that is no longer the name's.
      agent: false as const,
      lookup: look,
      ...(ca === undefined ? {} : { ca }),
    };
    const request = (url.protocol === "https:" ? requestByHttps : requestByHttp)(url, options, (response) => {
      const { statusCode = 0, headers: answered } = response;
      response.destroy();
      done({ status: statusCode, retryAfter: answered["retry-after"] });
    });
    request.on("error", fail);
    request.end(body);
  });
}
