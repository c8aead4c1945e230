import type { Tracing } from "@shop/runtime/tracing";
import { isSampled, traceIdOf } from "@shop/runtime/trace";
import { requestIdOf, type ShopContext, traceparentOf } from "./request-id.ts";
import { METHODS } from "./request-metrics.ts";

/** Begins the span of a request: its ids are those of `traceparentOf`, with the sampler's decision. @returns when it began */
export function beginRequest(tracing: Tracing, c: ShopContext): number {
  c.set("traceparent", tracing.child(c.req.raw.headers.get("traceparent") ?? undefined));
  return tracing.now();
}

interface AnsweredRequest {
  /** Its path with parameters in braces. */
  readonly route: string;
  readonly status: number;
  readonly startedAt: number;
}

/**
 * Records a request by the semantic conventions for HTTP servers; up to the head of its answer, as an event stream continues for hours.
 * The query is left out: what people search for is theirs.
 * @returns the id of its trace, when that is sampled
 */
export function recordRequest(tracing: Tracing, c: ShopContext, answered: AnsweredRequest): string | undefined {
  const traceparent = traceparentOf(c);
  if (!isSampled(traceparent)) return undefined;
  const { route, status, startedAt } = answered;
  const method = METHODS.includes(c.req.method) ? c.req.method : undefined;
  tracing.record({
    name: `${method ?? "HTTP"} ${route}`,
    kind: "SERVER",
    traceparent,
    parent: c.req.raw.headers.get("traceparent") ?? undefined,
    startedAt,
    attributes: {
      "http.request.method": method ?? "_OTHER",
      "http.route": route,
      "http.response.status_code": status,
      "url.path": c.req.path,
      "url.scheme": "http",
      "shop.request.id": requestIdOf(c),
    },
    error: status >= 500 ? String(status) : undefined,
  });
  return traceIdOf(traceparent);
}
