import { isSampled } from "@shop/runtime/trace";
import type { Tracing } from "@shop/runtime/tracing";
import type { Outgoing, OutboxRow } from "./outgoing.ts";
import type { PendingRow } from "./relay-session.ts";

/** What all spans of a message have, by the semantic conventions for messaging and for CloudEvents. */
export const messageAttributes = (
  operation: "create" | "send" | "process",
  {
    topic,
    key,
    id,
    type,
  }: { readonly topic: string; readonly key: string; readonly id: string; readonly type: string },
) => ({
  "messaging.system": "kafka",
  "messaging.operation.name": operation,
  "messaging.operation.type": operation,
  "messaging.destination.name": topic,
  "messaging.message.id": id,
  "messaging.kafka.message.key": key,
  "cloudevents.event_id": id,
  "cloudevents.event_type": type,
});

/**
 * Records that messages were committed to the outbox. This span is the one that a message's `traceparent` names: what becomes of the message follows
 * from it.
 */
export function recordCreated(tracing: Tracing, messages: readonly Outgoing[], rows: readonly OutboxRow[]): void {
  for (const [index, { topic, key, payload }] of rows.entries()) {
    const { id, type, time, traceparent = "" } = payload;
    if (!isSampled(traceparent)) continue;
    tracing.record({
      name: `create ${topic}`,
      kind: "PRODUCER",
      traceparent,
      parent: messages[index]?.causedBy,
      // When the wait in the outbox begins.
      startedAt: Date.parse(time),
      attributes: messageAttributes("create", { topic, key, id, type }),
    });
  }
}

/** The head of a CloudEvent as `toOutboxRow` writes it: the outbox keeps it letter by letter. */
const HEAD =
  /^\{"specversion":"1\.0","id":"([^"]+)","source":"[^"]+","type":"([^"]+)","time":"([^"]+)",.*?"traceparent":"([^"]+)"/;

interface Publication {
  /** When the broker was sent the messages, in milliseconds since the epoch. */
  readonly sentAt: number;
  /** How often they had to be sent. */
  readonly attempts: number;
}

/** Records, for each sampled message that the broker has just acknowledged, how long it waited in the outbox and how long the broker took. */
export function recordPublished(
  tracing: Tracing,
  rows: readonly PendingRow[],
  { sentAt, attempts }: Publication,
): void {
  const endedAt = tracing.now();
  for (const { topic, key, payload } of rows) {
    const [, id = "", type = "", time = "", parent = ""] = HEAD.exec(payload) ?? [];
    if (!isSampled(parent)) continue;
    const attributes = messageAttributes("send", { topic, key, id, type });
    tracing.record({
      name: `outbox wait ${topic}`,
      kind: "INTERNAL",
      traceparent: tracing.child(parent),
      parent,
      startedAt: Math.min(Date.parse(time), sentAt),
      endedAt: sentAt,
      attributes: { "messaging.message.id": id, "cloudevents.event_type": type },
    });
    tracing.record({
      name: `send ${topic}`,
      kind: "CLIENT",
      traceparent: tracing.child(parent),
      parent,
      startedAt: sentAt,
      endedAt,
      attributes: {
        ...attributes,
        "messaging.batch.message_count": rows.length,
        ...(attempts > 1 && { "shop.publish.attempts": attempts }),
      },
    });
  }
}
