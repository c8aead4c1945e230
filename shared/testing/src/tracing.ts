import { childTraceparent, isSampled } from "@shop/runtime/trace";
import type { EndedSpan, Tracing } from "@shop/runtime/tracing";

/** Traces of which all spans that would be exported stay in memory for a test to look at; a trace that begins here is sampled. */
export function capturedTracing(): { readonly tracing: Tracing; readonly spans: readonly EndedSpan[] } {
  const spans: EndedSpan[] = [];
  const tracing: Tracing = {
    now: () => performance.timeOrigin + performance.now(),
    child: (parent) => childTraceparent(parent),
    record: (span) => {
      if (isSampled(span.traceparent)) spans.push(span);
    },
    stop: async () => {},
  };
  return { tracing, spans };
}
