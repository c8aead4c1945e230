import { eventually } from "./eventually.ts";
import { z } from "zod";

const AnyValue = z.union([
  z.strictObject({ stringValue: z.string() }).transform(({ stringValue }) => stringValue),
  z.strictObject({ boolValue: z.boolean() }).transform(({ boolValue }) => boolValue),
  z
    .strictObject({ intValue: z.union([z.string().regex(/^-?\d+$/), z.int()]) })
    .transform(({ intValue }) => Number(intValue)),
  z.strictObject({ doubleValue: z.number() }).transform(({ doubleValue }) => doubleValue),
]);
const Attributes = z
  .array(z.strictObject({ key: z.string().min(1), value: AnyValue }))
  .transform((pairs) => Object.fromEntries(pairs.map(({ key, value }) => [key, value])));

const KINDS = ["UNSPECIFIED", "INTERNAL", "SERVER", "CLIENT", "PRODUCER", "CONSUMER"] as const;
const Kind = z
  .int()
  .min(1)
  .max(5)
  .transform((kind) => KINDS[kind] ?? "UNSPECIFIED");
const TraceId = z.string().regex(/^(?!0{32})[0-9a-f]{32}$/);
const SpanId = z.string().regex(/^(?!0{16})[0-9a-f]{16}$/);
const Nanos = z
  .string()
  .regex(/^\d{19}$/)
  .transform(BigInt);
const count = z.int().min(0).optional();

/** A span as OTLP's JSON has it (opentelemetry-proto 1.x, `trace.proto`): ids in hexadecimal, 64-bit numbers as text. A field that it does not know is refused. */
const OtlpSpan = z.strictObject({
  traceId: TraceId,
  spanId: SpanId,
  parentSpanId: SpanId.optional(),
  traceState: z.string().optional(),
  name: z.string().min(1),
  kind: Kind,
  startTimeUnixNano: Nanos,
  endTimeUnixNano: Nanos,
  attributes: Attributes,
  droppedAttributesCount: count,
  events: z.array(z.unknown()).max(0).optional(),
  droppedEventsCount: count,
  status: z.strictObject({ code: z.int().min(0).max(2), message: z.string().optional() }),
  links: z
    .array(
      z.strictObject({
        traceId: TraceId,
        spanId: SpanId,
        traceState: z.string().optional(),
        attributes: Attributes.optional(),
        droppedAttributesCount: count,
        flags: z.int().optional(),
      }),
    )
    .default([]),
  droppedLinksCount: count,
  flags: z.int().optional(),
});

const ExportTraceServiceRequest = z.strictObject({
  resourceSpans: z.array(
    z.strictObject({
      resource: z.strictObject({ attributes: Attributes, droppedAttributesCount: count }),
      schemaUrl: z.string().optional(),
      scopeSpans: z.array(
        z.strictObject({
          scope: z.strictObject({ name: z.string(), version: z.string().optional() }),
          schemaUrl: z.string().optional(),
          spans: z.array(OtlpSpan),
        }),
      ),
    }),
  ),
});

export type ReceivedSpan = z.infer<typeof OtlpSpan> & { readonly resource: Readonly<Record<string, unknown>> };

/** A receiver of traces by OTLP over HTTP in JSON, on a port of its own: what it cannot decode it refuses, as a collector does. */
export interface TraceReceiver {
  readonly endpoint: string;
  readonly spans: readonly ReceivedSpan[];
  /** What it refused, and why. */
  readonly refused: readonly string[];
  /** The headers of the last export. */
  lastHeaders(): Headers | undefined;
  /** The spans of a trace, once `isWhole` says that all of them have come. */
  trace(traceId: string, isWhole: (spans: readonly ReceivedSpan[]) => boolean): Promise<readonly ReceivedSpan[]>;
  stop(): Promise<void>;
}

export function startTraceReceiver(): TraceReceiver {
  const spans: ReceivedSpan[] = [];
  const refused: string[] = [];
  let headers: Headers | undefined;
  const server = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    async fetch(request) {
      const refuse = (status: number, why: string) => {
        refused.push(why);
        return new Response(why, { status });
      };
      if (request.method !== "POST" || new URL(request.url).pathname !== "/v1/traces")
        return refuse(404, `${request.method} ${request.url}`);
      if (request.headers.get("content-type") !== "application/json") return refuse(415, "not application/json");
      headers = request.headers;
      const read = ExportTraceServiceRequest.safeParse(await request.json());
      if (!read.success) return refuse(400, z.prettifyError(read.error));
      for (const { resource, scopeSpans } of read.data.resourceSpans)
        for (const scope of scopeSpans)
          for (const span of scope.spans) spans.push({ ...span, resource: resource.attributes });
      return Response.json({ partialSuccess: {} });
    },
  });
  return {
    endpoint: `http://127.0.0.1:${server.port}`,
    spans,
    refused,
    lastHeaders: () => headers,
    trace: (traceId, isWhole) =>
      eventually(() => {
        if (refused.length > 0) throw new Error(`an export was refused: ${refused[0]}`);
        const own = spans.filter((span) => span.traceId === traceId);
        if (!isWhole(own)) throw new Error(`not whole: ${own.map(({ name }) => name).join(", ")}`);
        return own;
      }),
    stop: () => server.stop(true),
  };
}
