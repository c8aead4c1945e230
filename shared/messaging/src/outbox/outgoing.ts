import { type CloudEvent, dataschemaOf } from "@shop/contracts/messages/cloud-event";
import type { DataOf, MessageDefinition } from "@shop/contracts/messages/define";
import type { Topic } from "@shop/contracts/services";
import { type Clock, instant } from "@shop/runtime/clock";
import type { IdSource } from "@shop/runtime/ids";
import { childTraceparent } from "@shop/runtime/trace";
import type { Tracing } from "@shop/runtime/tracing";

/** A message that a use case decided to send: what, about whom, and because of which trace. */
export interface Outgoing {
  readonly definition: MessageDefinition;
  /** The order's id, or the product's for what is about a product alone. Messages of one key stay in order. */
  readonly key: string;
  readonly data: unknown;
  /** The `traceparent` of what caused it; a new trace begins without one. */
  readonly causedBy: string | undefined;
  /** The data has been validated by its definition's schema, and is what that gave: it is not validated again. */
  readonly isValidated?: true;
}

/** Builds a message whose data fits its definition at compile time; it is validated again when it is written to the outbox. */
export function outgoing<Definition extends MessageDefinition>(
  definition: Definition,
  key: string,
  data: DataOf<Definition>,
  causedBy: string | undefined,
): Outgoing {
  return { definition, key, data, causedBy };
}

export interface OutboxRow {
  readonly topic: Topic;
  readonly key: string;
  readonly payload: CloudEvent;
}

/**
 * The outbox row for a message.
 * @throws ZodError when the data does not fit the message's schema: a bug of the sender, found before anything is committed
 */
export function toOutboxRow(message: Outgoing, ids: IdSource, clock: Clock, tracing?: Tracing): OutboxRow {
  const { definition, key, data, causedBy, isValidated = false } = message;
  return {
    topic: definition.topic,
    key,
    payload: {
      specversion: "1.0",
      id: ids(),
      source: `/services/${definition.sender}`,
      type: definition.type,
      time: instant(clock),
      subject: key,
      datacontenttype: "application/json",
      dataschema: dataschemaOf(definition, definition.version),
      traceparent: tracing === undefined ? childTraceparent(causedBy) : tracing.child(causedBy),
      data: isValidated ? data : definition.data.parse(data),
    },
  };
}
