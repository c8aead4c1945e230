import { z } from "zod";
import type { MessageDefinition } from "./define.ts";

/** The media type of a CloudEvent in structured mode (CloudEvents 1.0, Kafka protocol binding, section 3.3). */
export const CLOUD_EVENT_CONTENT_TYPE = "application/cloudevents+json; charset=utf-8";

/** A W3C trace-context `traceparent`. */
export const Traceparent = z.string().regex(/^00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$/);

/** A CloudEvents 1.0 event as it stands in a Kafka record's value. */
export const CloudEvent = z.object({
  specversion: z.literal("1.0"),
  id: z.string().min(1).max(200),
  source: z.string().min(1),
  type: z.string().min(1),
  time: z.iso.datetime({ offset: true }),
  subject: z.string().min(1),
  datacontenttype: z.literal("application/json"),
  dataschema: z.string(),
  traceparent: Traceparent.optional(),
  data: z.unknown(),
});
export type CloudEvent = z.infer<typeof CloudEvent>;

/** The `dataschema` of a message: its type and version, so that a reader knows what it cannot read. */
export function dataschemaOf({ type }: MessageDefinition, version: number): string {
  return `urn:order-delivery:${type}:${version}`;
}
