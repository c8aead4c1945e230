import type { Clock } from "./clock.ts";
import type { Logger } from "./logger.ts";
import type { Metrics } from "./metrics.ts";
import { isSampled } from "./trace.ts";

export type SpanKind = "INTERNAL" | "SERVER" | "CLIENT" | "PRODUCER" | "CONSUMER";

export type SpanAttributes = Readonly<Record<string, string | number | boolean>>;

/** A span that has ended. Its ids are those of a `traceparent` that was handed on already, or may have been. */
export interface EndedSpan {
  /** Few different ones, by the semantic conventions of OpenTelemetry: what varies stands in the attributes. */
  readonly name: string;
  readonly kind: SpanKind;
  /** Its own trace and span. It is recorded only where its flag says that the trace is sampled. */
  readonly traceparent: string;
  /** The span that caused it; one of another trace is none. */
  readonly parent: string | undefined;
  /** In milliseconds since the epoch, with fractions, as `Tracing.now` gives them. */
  readonly startedAt: number;
  /** By default now. */
  readonly endedAt?: number;
  readonly attributes: SpanAttributes;
  /** Other spans that it has to do with. Those that are not sampled are left out. */
  readonly links?: readonly (string | undefined)[];
  /** What kind of failure it ended with, a status or the name of an error: `error.type`. Never a message. */
  readonly error?: string | undefined;
}

/**
 * The traces of a process, where they are exported; a process that exports none has no such object, and what it does then costs one comparison.
 * Spans are recorded by hand when they have ended: their ids are those that `traceparent` carries through requests and messages all the same.
 */
export interface Tracing {
  /** Milliseconds since the epoch, with fractions. */
  now(): number;
  /** As `childTraceparent`, with the decision of this process's sampler. */
  child(parent: string | undefined): string;
  /** Hands a span to the exporter's queue. It never waits and never throws; what the queue has no room for is counted and dropped. */
  record(span: EndedSpan): void;
  /** Sends what is queued, for at most a second. */
  stop(): Promise<void>;
}

/** The values of OTEL_TRACES_SAMPLER, as OpenTelemetry's specification names them. */
export const tracesSamplers = [
  "always_on",
  "always_off",
  "traceidratio",
  "parentbased_always_on",
  "parentbased_always_off",
  "parentbased_traceidratio",
] as const;

export interface TracingOptions {
  /** The base address of the receiver, such as http://collector:4318; traces go to its `/v1/traces`. */
  readonly endpoint: string;
  /** Sent with each export, such as a key. */
  readonly headers: Readonly<Record<string, string>>;
  readonly sampler: (typeof tracesSamplers)[number];
  /** The part of traces that the ratio samplers keep, 0 to 1. */
  readonly ratio: number;
  /** The process: `service.name`, `service.version`, `service.instance.id`. */
  readonly service: { readonly name: string; readonly release: string; readonly instance: string };
  readonly clock: Pick<Clock, "now" | "elapsed" | "sleep">;
  readonly logger: Logger;
  readonly metrics: Metrics;
}

/** Loads OpenTelemetry's SDK, which nothing else imports, and begins to export. */
export async function startTracing(options: TracingOptions): Promise<Tracing> {
  const { exportTraces } = await import("./otlp.ts");
  return exportTraces(options);
}

interface Statement {
  readonly operation: "INSERT" | "UPDATE" | "COMMIT";
  /** The table, where it is one. */
  readonly collection?: string;
  readonly startedAt: number;
  readonly endedAt?: number;
  /** The spans that it is for: of all the calls or messages that share it. */
  readonly causedBy: readonly (string | undefined)[];
}

/** Records a call to PostgreSQL that several share, by the semantic conventions for databases: once for each sampled one of them. */
export function recordStatement(tracing: Tracing, statement: Statement): void {
  const { operation, collection, startedAt, endedAt = tracing.now(), causedBy } = statement;
  for (const parent of causedBy) {
    if (parent === undefined || !isSampled(parent)) continue;
    tracing.record({
      name: collection === undefined ? operation : `${operation} ${collection}`,
      kind: "CLIENT",
      traceparent: tracing.child(parent),
      ...{ parent, startedAt, endedAt },
      attributes: {
        "db.system.name": "postgresql",
        "db.operation.name": operation,
        ...(collection !== undefined && { "db.collection.name": collection }),
        // One is no batch.
        ...(causedBy.length > 1 && { "db.operation.batch.size": causedBy.length }),
      },
    });
  }
}
