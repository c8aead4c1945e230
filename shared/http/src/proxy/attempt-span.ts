import type { Tracing } from "@shop/runtime/tracing";
import { isSampled } from "@shop/runtime/trace";
import { failureKindOf } from "./upstream/failure-kind.ts";

interface Attempted {
  readonly method: string;
  /** Absolute, without a query. */
  readonly url: string;
  /** The `traceparent` of the request that it is made for. */
  readonly parent: string;
}

/**
 * Makes one attempt of a call to an upstream, and records it by the semantic conventions for HTTP clients.
 * @param attempt sends the given `traceparent`, whose span the upstream's continues
 */
export async function inAttemptSpan(
  tracing: Tracing,
  { method, url, parent }: Attempted,
  attempt: (traceparent: string) => Promise<Response>,
): Promise<Response> {
  if (!isSampled(parent)) return attempt(parent);
  const traceparent = tracing.child(parent);
  const startedAt = tracing.now();
  const record = (outcome: { readonly status?: number; readonly error?: string | undefined }) => {
    const { hostname, port, protocol } = new URL(url);
    tracing.record({
      name: method,
      kind: "CLIENT",
      traceparent,
      parent,
      startedAt,
      attributes: {
        "http.request.method": method,
        "url.full": url,
        "server.address": hostname,
        "server.port": Number(port || (protocol === "https:" ? 443 : 80)),
        ...(outcome.status !== undefined && { "http.response.status_code": outcome.status }),
      },
      error: outcome.error,
    });
  };
  try {
    const response = await attempt(traceparent);
    record({ status: response.status, error: response.status >= 400 ? String(response.status) : undefined });
    return response;
  } catch (error) {
    record({ error: failureKindOf(error) });
    throw error;
  }
}
