import { childTraceparent, isSampled } from "@shop/runtime/trace";
import { recordStatement, type Tracing } from "@shop/runtime/tracing";
import { messageAttributes } from "../outbox/message-spans.ts";
import type { Received } from "./decode.ts";

/** Tracing for a consumer group. */
export interface ConsumerTracing {
  readonly tracing: Tracing;
  readonly groupId: string;
}

/** More links are not worth their space; OpenTelemetry's default. */
const MAX_LINKS = 128;

/** One attempt to apply messages in one transaction, while it is traced. */
export interface TracedHandling {
  /** The messages; sampled ones with the `traceparent` of the span of their handling, from which follows what handlers do. */
  readonly messages: readonly Received[];
  /** The inbox has been written. Of these messages `fresh` are to be handled, `parked` and `locked` wait, and the others had been handled before. */
  seen(outcome: Readonly<Record<"fresh" | "parked" | "locked", readonly Received[]>>): void;
  /** The handlers are done; the commit is next. */
  handled(): void;
  /** Records the spans. @param error why nothing was committed */
  end(error?: unknown): void;
}

interface Sampled {
  readonly message: Received;
  /** The span of the message's creation. */
  readonly createdBy: string;
}

/**
 * Begins the spans of a batch: one for the handling of each sampled message, in the trace of the message, and one for the batch, which shares one
 * transaction, in a trace of its own; each of them links to the others.
 * @returns undefined when none of the messages is sampled
 */
export function traceHandling(
  { tracing, groupId }: ConsumerTracing,
  given: readonly Received[],
): TracedHandling | undefined {
  if (!given.some(({ traceparent }) => traceparent !== undefined && isSampled(traceparent))) return undefined;
  const sampled: Sampled[] = [];
  const messages = given.map((message) => {
    const { traceparent: createdBy } = message;
    if (createdBy === undefined || !isSampled(createdBy)) return message;
    const own = { ...message, traceparent: tracing.child(createdBy) };
    sampled.push({ message: own, createdBy });
    return own;
  });
  // A trace of its own, and sampled since one of its messages is.
  const batch = childTraceparent(undefined);
  const startedAt = tracing.now();
  let seenAt: number | undefined;
  let handledAt: number | undefined;
  const outcomes = new Map<Received, string>();

  function recordOne({ message, createdBy }: Sampled, endedAt: number, error: string | undefined): void {
    const { record, id, type, key } = message;
    const traceparent = message.traceparent ?? createdBy;
    tracing.record({
      name: `process ${record.topic}`,
      kind: "CONSUMER",
      traceparent,
      parent: createdBy,
      ...{ startedAt, endedAt },
      attributes: {
        ...messageAttributes("process", { topic: record.topic, key, id, type }),
        "messaging.consumer.group.name": groupId,
        "messaging.destination.partition.id": String(record.partition),
        "messaging.kafka.offset": Number(record.offset),
        "shop.inbox.outcome": error === undefined ? (outcomes.get(message) ?? "repeated") : "failed",
      },
      links: [batch],
      error,
    });
  }

  return {
    messages,
    seen({ fresh, parked, locked }) {
      seenAt = tracing.now();
      for (const message of fresh) outcomes.set(message, "applied");
      for (const message of parked) outcomes.set(message, "parked");
      for (const message of locked) outcomes.set(message, "deferred");
    },
    handled() {
      handledAt = tracing.now();
    },
    end(thrown) {
      const endedAt = tracing.now();
      const error = thrown === undefined ? undefined : thrown instanceof Error ? thrown.name : typeof thrown;
      for (const one of sampled) recordOne(one, endedAt, error);
      const causedBy = messages.map(({ traceparent }) => traceparent);
      if (seenAt !== undefined)
        recordStatement(tracing, {
          ...{ operation: "INSERT", collection: "inbox", causedBy },
          ...{ startedAt, endedAt: seenAt },
        });
      if (handledAt !== undefined && error === undefined)
        recordStatement(tracing, { operation: "COMMIT", causedBy, startedAt: handledAt, endedAt });
      tracing.record({
        name: "process batch",
        kind: "CONSUMER",
        traceparent: batch,
        parent: undefined,
        ...{ startedAt, endedAt },
        attributes: {
          "messaging.system": "kafka",
          "messaging.operation.name": "process",
          "messaging.operation.type": "process",
          "messaging.consumer.group.name": groupId,
          "messaging.batch.message_count": given.length,
        },
        links: sampled.slice(0, MAX_LINKS).map(({ createdBy }) => createdBy),
        error,
      });
    },
  };
}
