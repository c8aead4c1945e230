import type { DeadLetterCause } from "@shop/contracts/http/dead-letter";
import { CloudEvent, dataschemaOf } from "@shop/contracts/messages/cloud-event";
import { messagesByType } from "@shop/contracts/messages/catalog";
import type { MessageDefinition } from "@shop/contracts/messages/define";
import type { BrokerRecord } from "./broker.ts";

/** A message that can be handled: a known type, with data that fits its schema. */
export interface Received<Data = unknown> {
  readonly id: string;
  readonly type: string;
  readonly key: string;
  readonly data: Data;
  readonly traceparent: string | undefined;
  readonly record: BrokerRecord;
}

export interface Undecodable {
  readonly cause: DeadLetterCause;
  readonly detail: string;
  readonly messageId: string | null;
  readonly type: string | null;
  readonly record: BrokerRecord;
}

export type Decoded =
  | { readonly kind: "message"; readonly message: Received }
  | { readonly kind: "undecodable"; readonly letter: Undecodable };

/** Our keys are UUIDs. What is longer could not be looked up by its key among the dead letters. */
const LONGEST_KEY = 200;

const utf8 = new TextDecoder("utf-8", { fatal: true });

/**
 * Reads a record as one of the system's messages, or says why it is none. It never throws.
 * Data of a version that is not the one sent comes out as the sent one's.
 */
export function decode(
  record: BrokerRecord,
  definitions: ReadonlyMap<string, MessageDefinition> = messagesByType,
): Decoded {
  const undecodable = (cause: DeadLetterCause, detail: string, event?: CloudEvent): Decoded => ({
    kind: "undecodable",
    letter: { cause, detail: detail.slice(0, 2000), messageId: event?.id ?? null, type: event?.type ?? null, record },
  });
  if (record.value === null) return undecodable("EMPTY", "the record has no value");

  let json: unknown;
  try {
    json = JSON.parse(utf8.decode(record.value));
  } catch (error) {
    return undecodable("NOT_JSON", String(error));
  }
  const envelope = CloudEvent.safeParse(json);
  if (!envelope.success) return undecodable("NOT_A_CLOUD_EVENT", describe(envelope.error));
  const event = envelope.data;
  const definition = definitions.get(event.type);
  if (definition === undefined) return undecodable("UNKNOWN_TYPE", `no message has the type ${event.type}`, event);
  if (definition.topic !== record.topic) {
    return undecodable("WRONG_TOPIC", `${event.type} belongs to ${definition.topic}, not to ${record.topic}`, event);
  }
  const readable = [definition, ...definition.alsoReads];
  const read = readable.find(({ version }) => event.dataschema === dataschemaOf(definition, version));
  if (read === undefined) {
    const expected = readable.map(({ version }) => dataschemaOf(definition, version)).join(" or ");
    return undecodable("UNKNOWN_VERSION", `expected ${expected}, got ${event.dataschema}`, event);
  }
  if (record.key === null || record.key === "") return undecodable("NO_KEY", "the record has no key", event);
  if (record.key.length > LONGEST_KEY) return undecodable("NO_KEY", `a key of ${record.key.length} characters`, event);
  const data = read.data.safeParse(event.data);
  if (!data.success) return undecodable("INVALID_DATA", describe(data.error), event);
  const { id, type, traceparent } = event;
  return { kind: "message", message: { id, type, key: record.key, data: data.data, traceparent, record } };
}

function describe(error: {
  readonly issues: readonly { readonly path: readonly PropertyKey[]; readonly message: string }[];
}): string {
  return error.issues.map(({ path, message }) => `${path.map(String).join(".") || "(whole)"}: ${message}`).join("; ");
}
