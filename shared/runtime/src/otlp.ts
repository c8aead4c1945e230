import { type Link, ROOT_CONTEXT, SpanKind, SpanStatusCode, trace, TraceFlags } from "@opentelemetry/api";
import { OTLPTraceExporter } from "@opentelemetry/exporter-trace-otlp-http";
import { resourceFromAttributes } from "@opentelemetry/resources";
import {
  AlwaysOffSampler,
  AlwaysOnSampler,
  BatchSpanProcessor,
  SamplingDecision,
  type SpanExporter,
  TraceIdRatioBasedSampler,
  TracerProvider,
} from "@opentelemetry/sdk-trace";
import type { Clock } from "./clock.ts";
import { childTraceparent, isSampled, type Sample, spanIdOf, traceIdOf } from "./trace.ts";
import type { EndedSpan, Tracing, TracingOptions } from "./tracing.ts";

/** As many spans wait for their export at once, about 1 KB each; further ones are dropped. */
const MAX_PENDING = 4_096;
const MAX_BATCH = 512;
/** How long spans wait for others of their export, in milliseconds: an operator sees them a second later. */
const EXPORT_EVERY_MS = 1_000;
/** How long an export may take, its repetitions included, in milliseconds. */
const EXPORT_TIMEOUT_MS = 5_000;
/** How long a stop waits for the last export, in milliseconds. */
const STOP_TIMEOUT_MS = 1_000;
/** The longest that the wall clock may be off the monotonic one, in milliseconds, before spans follow it. */
const MAX_DRIFT_MS = 5;
/** `ExportResultCode.SUCCESS`. */
const SUCCESS = 0;

/** Starts the export of spans by OTLP over HTTP, as JSON. */
export function exportTraces(options: TracingOptions): Tracing {
  const { endpoint, headers, service, clock, logger } = options;
  const { exporter, counts } = countExports(
    new OTLPTraceExporter({ url: `${endpoint}/v1/traces`, headers: { ...headers }, timeoutMillis: EXPORT_TIMEOUT_MS }),
    options,
  );
  const processor = new BatchSpanProcessor({
    exporter,
    maxQueueSize: MAX_PENDING,
    maxExportBatchSize: MAX_BATCH,
    scheduledDelayMillis: EXPORT_EVERY_MS,
    exportTimeoutMillis: EXPORT_TIMEOUT_MS,
  });
  /** The ids of the span that is recorded next: the SDK asks for them while it begins it. */
  const ids = { traceId: "", spanId: "" };
  const provider = new TracerProvider({
    resource: resourceFromAttributes({
      "service.namespace": "shop",
      "service.name": service.name,
      "service.version": service.release,
      "service.instance.id": service.instance,
    }),
    // Decided by `sample` when a trace begins; here comes only what is to be recorded.
    sampler: new AlwaysOnSampler(),
    idGenerator: { generateTraceId: () => ids.traceId, generateSpanId: () => ids.spanId },
    spanProcessors: [processor],
  });
  const tracer = provider.getTracer("shop");
  const sample = samplerOf(options);
  const now = preciseTime(clock);

  function record({ name, kind, traceparent, parent, startedAt, endedAt = now(), ...rest }: EndedSpan): void {
    if (!isSampled(traceparent) || counts.hasNoRoom()) return;
    const { attributes, links = [], error } = rest;
    ids.traceId = traceIdOf(traceparent);
    ids.spanId = spanIdOf(traceparent);
    const isChild = parent !== undefined && traceIdOf(parent) === ids.traceId;
    const span = tracer.startSpan(
      name,
      {
        kind: SpanKind[kind],
        startTime: startedAt,
        attributes: error === undefined ? attributes : { ...attributes, "error.type": error },
        links: links.flatMap((link): Link[] =>
          link !== undefined && isSampled(link) ? [{ context: contextOf(link) }] : [],
        ),
      },
      isChild ? trace.setSpanContext(ROOT_CONTEXT, contextOf(parent)) : ROOT_CONTEXT,
    );
    if (error !== undefined) span.setStatus({ code: SpanStatusCode.ERROR });
    // The clocks of two hosts differ: what another one began may seem to begin later than it ended here.
    span.end(Math.max(startedAt, endedAt));
    counts.begun();
  }

  return {
    now,
    child: (parent) => childTraceparent(parent, sample),
    record,
    async stop() {
      const over = new AbortController();
      const last = provider.shutdown().catch((error: unknown) => {
        // Whatever was not exported is counted; what it was about has happened all the same.
        logger.debug("TRACES_NOT_FLUSHED", "the last spans could not be exported", { error });
      });
      await Promise.race([last, clock.sleep(STOP_TIMEOUT_MS, over.signal)]);
      over.abort();
    },
  };
}

const contextOf = (traceparent: string) => ({
  traceId: traceIdOf(traceparent),
  spanId: spanIdOf(traceparent),
  traceFlags: isSampled(traceparent) ? TraceFlags.SAMPLED : TraceFlags.NONE,
  isRemote: true,
});

/** The SDK's decisions: processes of any language that share a ratio keep the same traces. */
function samplerOf({ sampler, ratio }: Pick<TracingOptions, "sampler" | "ratio">): Sample {
  const own = sampler.endsWith("always_on")
    ? new AlwaysOnSampler()
    : sampler.endsWith("always_off")
      ? new AlwaysOffSampler()
      : new TraceIdRatioBasedSampler(ratio);
  const isParentBased = sampler.startsWith("parentbased_");
  return (traceId, parentIsSampled) =>
    isParentBased && parentIsSampled !== undefined
      ? parentIsSampled
      : own.shouldSample(ROOT_CONTEXT, traceId).decision === SamplingDecision.RECORD_AND_SAMPLED;
}

/** The time of day with the precision of the monotonic clock. It follows the time of day when that was set. */
function preciseTime(clock: Pick<Clock, "now" | "elapsed">): () => number {
  let offset = clock.now() - clock.elapsed();
  return () => {
    const present = clock.now() - clock.elapsed();
    if (Math.abs(present - offset) > MAX_DRIFT_MS) offset = present;
    return clock.elapsed() + offset;
  };
}

/** Counts what becomes of spans, and says once that the receiver does not take them. */
function countExports(exporter: SpanExporter, { logger, metrics }: Pick<TracingOptions, "logger" | "metrics">) {
  const exported = metrics
    .counter({ name: "traces_spans_exported_total", help: "Spans that the receiver of traces has taken" })
    .child({});
  const dropped = metrics.counter({
    name: "traces_spans_dropped_total",
    help: "Spans that were not exported: the queue was full, or the receiver did not take them",
    labels: { reason: ["queue", "export"] },
  });
  let pending = 0;
  let isFailing = false;
  const counting: SpanExporter = {
    export(spans, done) {
      exporter.export(spans, (result) => {
        pending -= spans.length;
        if (result.code.valueOf() === SUCCESS) {
          isFailing = false;
          exported(spans.length);
        } else {
          dropped.inc({ reason: "export" }, spans.length);
          if (!isFailing)
            logger.warn(
              "TRACES_NOT_EXPORTED",
              "traces are dropped: their receiver does not take them; nothing else waits",
              {
                error: result.error,
              },
            );
          isFailing = true;
        }
        done(result);
      });
    },
    forceFlush: () => exporter.forceFlush?.() ?? Promise.resolve(),
    shutdown: () => exporter.shutdown(),
  };
  return {
    exporter: counting,
    counts: {
      begun(): void {
        pending += 1;
      },
      hasNoRoom(): boolean {
        if (pending < MAX_PENDING) return false;
        dropped.inc({ reason: "queue" });
        return true;
      },
    },
  };
}
