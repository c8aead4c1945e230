import { httpUrl } from "@shop/runtime/config";
import { startTracing, type Tracing, type TracingOptions, tracesSamplers } from "@shop/runtime/tracing";
import { z } from "zod";

/** `name=value` pairs separated by commas, values percent-encoded, as OpenTelemetry's specification writes headers. */
const headers = z
  .string()
  .regex(/^(\s*[!#$&'*+\-.^`|~\w]+\s*=([!-$&-+\--~]|%[\da-fA-F]{2})*\s*(,|$))+$/, {
    message: "must be name=value pairs, separated by commas, with spaces in values written as %20",
  })
  .transform((text) =>
    Object.fromEntries(
      text.split(",").map((pair) => {
        const equals = pair.indexOf("=");
        return [pair.slice(0, equals).trim(), decodeURIComponent(pair.slice(equals + 1).trim())];
      }),
    ),
  );

/** Where traces go, by the names that OpenTelemetry's specification gives the settings. Every process has them. */
export const tracingSettings = {
  OTEL_EXPORTER_OTLP_ENDPOINT: httpUrl
    .optional()
    .describe("the receiver of traces by OTLP over HTTP, such as http://collector:4318; without it there are none"),
  OTEL_EXPORTER_OTLP_HEADERS: headers
    .optional()
    .describe("sent with each export, such as authorization=Bearer%20…; OTEL_EXPORTER_OTLP_HEADERS_FILE names a file"),
  OTEL_TRACES_SAMPLER: z.enum(tracesSamplers).default("parentbased_always_on").describe("which traces are recorded"),
  OTEL_TRACES_SAMPLER_ARG: z
    .string()
    .regex(/^(0?\.\d+|[01](\.0+)?)$/, { message: "must be a number from 0 to 1, such as 0.1" })
    .default("1")
    .transform(Number)
    .describe("the part of traces that the samplers with traceidratio keep, 0 to 1"),
};

/** The setting TRACE_LINK. */
export const traceUrl = z
  .url({ protocol: /^https?$/ })
  .refine((url) => url.includes("{traceId}"), { message: "must have {traceId} where the trace's id belongs" })
  .optional()
  .describe("where operators see a trace, such as http://localhost:16686/trace/{traceId}");

export type TracingSettings = z.infer<z.ZodObject<typeof tracingSettings>>;

/** The traces of this process; none where its settings name no receiver. Then nothing of OpenTelemetry is loaded. */
export async function tracingOf(
  settings: TracingSettings,
  parts: Pick<TracingOptions, "service" | "clock" | "logger" | "metrics">,
): Promise<Tracing | undefined> {
  const { OTEL_EXPORTER_OTLP_ENDPOINT: endpoint } = settings;
  if (endpoint === undefined) return undefined;
  return startTracing({
    ...parts,
    endpoint,
    headers: settings.OTEL_EXPORTER_OTLP_HEADERS ?? {},
    sampler: settings.OTEL_TRACES_SAMPLER,
    ratio: settings.OTEL_TRACES_SAMPLER_ARG,
  });
}
