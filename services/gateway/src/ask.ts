import type { ServiceName } from "@shop/contracts/services";
import type { RequestCall } from "@shop/http/request/call";
import { UnavailableError } from "@shop/http/request/errors";
import type { Forward, Forwarding } from "@shop/http/proxy/proxy";
import type { UpstreamPool } from "@shop/http/proxy/upstream/pool";

/** What one of several services that were asked the same said. */
export interface ServiceAnswer<Name extends ServiceName> {
  readonly name: Name;
  /** Undefined from a service that did not answer, or could not. */
  readonly response: Response | undefined;
  /** Why there is no response, in words that begin with the service's name. */
  readonly reason: string;
}

/** Asks each of several services what the caller asks, with the caller's token. */
export type AskEach = <Name extends ServiceName>(
  names: readonly Name[],
  call: RequestCall,
  forwarding: Omit<Forwarding, "upstream" | "honoursKey">,
) => Promise<readonly ServiceAnswer<Name>[]>;

export function createAskEach(forward: Forward, upstreams: Readonly<Record<ServiceName, UpstreamPool>>): AskEach {
  async function ask<Name extends ServiceName>(
    name: Name,
    call: RequestCall,
    forwarding: Omit<Forwarding, "upstream" | "honoursKey">,
  ): Promise<ServiceAnswer<Name>> {
    try {
      const response = await forward(call, { ...forwarding, upstream: upstreams[name], honoursKey: false });
      const reason = `${name} answered ${response.status}`;
      return { name, response: response.status >= 500 ? undefined : response, reason };
    } catch (error) {
      if (error instanceof UnavailableError) return { name, response: undefined, reason: error.explanation };
      throw error;
    }
  }
  return (names, call, forwarding) => Promise.all(names.map((name) => ask(name, call, forwarding)));
}
