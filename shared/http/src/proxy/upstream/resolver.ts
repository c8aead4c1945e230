import { lookup as lookUpName } from "node:dns/promises";
import { isIP } from "node:net";
import type { Clock } from "@shop/runtime/clock";
import { ExplainedError } from "@shop/runtime/errors";
import type { Logger } from "@shop/runtime/logger";

/** One way to reach an upstream. */
export interface ResolvedAddress {
  /** The base address to connect to, without a slash at the end. */
  readonly url: string;
  /** What goes into `Host` when `url` has an address in the place of the name. */
  readonly host: string | undefined;
}

/** @returns the IP addresses of a name. @throws when the name cannot be resolved now */
export type Lookup = (hostname: string) => Promise<readonly string[]>;

/** Where an upstream can be reached: its URLs, with each name of a host resolved to all of its addresses. */
export interface Resolver {
  /** As of the last time they were looked up; a name that never could be counts as one address. */
  current(): readonly ResolvedAddress[];
  /** Looks the names up again; of one that cannot be resolved now the last known addresses stay. At most one look-up at a time. It never rejects. */
  refresh(): Promise<void>;
  /** How old the last look-up is, in milliseconds; 0 when there is no name to look up. */
  ageMs(): number;
}

interface ResolverOptions {
  /** Of the upstream, for the log. */
  readonly name: string;
  readonly urls: readonly string[];
  readonly clock: Clock;
  readonly logger: Logger;
  readonly lookup?: Lookup;
}

/** Asks the system at each call. `fetch` would keep its own answer for 30 s, in which containers come and go. */
const lookUpAddresses: Lookup = async (hostname) => {
  const found = await lookUpName(hostname, { all: true });
  // The replicas that have an address of either kind are the same ones, and `localhost` may be listened to on one of the two.
  const ofKind4 = found.filter(({ family }) => family === 4);
  return (ofKind4.length > 0 ? ofKind4 : found).map(({ address }) => address);
};

export function createResolver({ name, urls, clock, logger, lookup = lookUpAddresses }: ResolverOptions): Resolver {
  const targets = urls.map((url) => new URL(url));
  const named = targets.filter(isResolvable);
  const addresses = new Map<URL, readonly string[]>();
  let lookedUpAtMs = Number.NEGATIVE_INFINITY;
  let refreshing: Promise<void> | undefined;
  let known = resolvedAddressesOf(targets, addresses);
  let failing = false;

  async function lookUp(target: URL): Promise<boolean> {
    try {
      const found = await lookup(target.hostname);
      if (found.length === 0) throw new ExplainedError("the name has no address");
      addresses.set(target, found.toSorted());
      return true;
    } catch (error) {
      if (!failing) {
        logger.warn(
          "UPSTREAM_NAME_UNRESOLVED",
          "the name of an upstream cannot be resolved; its last known addresses stay",
          {
            upstream: name,
            host: target.hostname,
            error,
          },
        );
      }
      return false;
    }
  }

  async function refreshAll(): Promise<void> {
    const found = await Promise.all(named.map(lookUp));
    failing = found.includes(false);
    lookedUpAtMs = clock.elapsed();
    known = resolvedAddressesOf(targets, addresses);
  }

  return {
    current: () => known,
    refresh() {
      if (named.length === 0) return Promise.resolve();
      refreshing ??= refreshAll().finally(() => {
        refreshing = undefined;
      });
      return refreshing;
    },
    ageMs: () => (named.length === 0 ? 0 : clock.elapsed() - lookedUpAtMs),
  };
}

/** By https the name stays: the certificate is for it, and not for an address. */
function isResolvable({ protocol, hostname }: URL): boolean {
  return protocol === "http:" && isIP(hostname.replace(/^\[|\]$/g, "")) === 0;
}

function resolvedAddressesOf(
  targets: readonly URL[],
  addresses: ReadonlyMap<URL, readonly string[]>,
): readonly ResolvedAddress[] {
  return targets.flatMap((target): readonly ResolvedAddress[] => {
    const found = addresses.get(target);
    if (found === undefined) return [{ url: baseOf(target), host: undefined }];
    return found.map((address) => {
      const direct = new URL(target);
      direct.hostname = isIP(address) === 6 ? `[${address}]` : address;
      return { url: baseOf(direct), host: target.host };
    });
  });
}

const baseOf = ({ href }: URL) => href.replace(/\/+$/, "");
