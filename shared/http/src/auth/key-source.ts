import type { Clock } from "@shop/runtime/clock";
import type { Logger } from "@shop/runtime/logger";
import type { Metrics } from "@shop/runtime/metrics";
import { createUpstreamPool } from "../proxy/upstream/pool.ts";

/** Where a token verifier gets its keys. */
export interface KeySource {
  /** For the log. */
  readonly jwksUrl: string;
  readonly fetch: (url: string, init: RequestInit & { readonly signal: AbortSignal }) => Promise<Response>;
}

interface KeySourceOptions {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: Metrics;
}

/** The keys that any replica of the user service shows. @param urls where they are shown, each with its path */
export function createKeySource(urls: readonly string[], options: KeySourceOptions): KeySource {
  const pool = createUpstreamPool({ ...options, name: "keys", urls });
  return {
    jwksUrl: urls.join(","),
    fetch: (_url, { signal, ...init }) =>
      pool.send(
        ({ url, host, fetch: send }, attemptSignal) =>
          send(url, { ...init, headers: host === undefined ? {} : { host }, signal: attemptSignal }),
        { repeatable: true, signal },
      ),
  };
}
