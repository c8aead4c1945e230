import type { DeadLetterCause } from "@shop/contracts/http/dead-letter";
import { CloudEvent, dataschemaOf } from "@shop/contracts/messages/cloud-event";
import { messagesByType } from "@shop/contracts/messages/registry";
import type { MessageDefinition } from "@shop/contracts/messages/define";
import { issuesText } from "@shop/runtime/errors";
import type { BrokerRecord } from "../broker.ts";

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
  | { readonly kind: "undecodable"; readonly deadLetter: Undecodable };

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
    deadLetter: {
      cause,
      detail: detail.slice(0, 2000),
      messageId: event?.id ?? null,
      type: event?.type ?? null,
      record,
    },
  });
  if (record.value === null) return undecodable("EMPTY", "the record has no value");

  const { value: json, objection } = parse(record.value);
  if (objection !== undefined) return undecodable("NOT_JSON", objection);
  const envelope = CloudEvent.safeParse(json);
  if (!envelope.success) return undecodable("NOT_A_CLOUD_EVENT", issuesText(envelope.error.issues));
  const event = envelope.data;
  const definition = definitions.get(event.type);
  if (definition === undefined) return undecodable("UNKNOWN_TYPE", "no message of this system has its type", event);
  if (definition.topic !== record.topic) {
    return undecodable("WRONG_TOPIC", `${event.type} belongs to ${definition.topic}, not to ${record.topic}`, event);
  }
  const readable = [definition, ...definition.alsoReads];
  const read = readable.find(({ version }) => event.dataschema === dataschemaOf(definition, version));
  if (read === undefined) {
    const expected = readable.map(({ version }) => dataschemaOf(definition, version)).join(" or ");
    return undecodable("UNKNOWN_VERSION", `expected ${expected}`, event);
  }
  if (record.key === null || record.key === "") return undecodable("NO_KEY", "the record has no key", event);
  if (record.key.length > LONGEST_KEY) return undecodable("NO_KEY", `a key of ${record.key.length} characters`, event);
  const data = read.data.safeParse(event.data);
  if (!data.success) return undecodable("INVALID_DATA", issuesText(data.error.issues), event);
  const { id, type, traceparent } = event;
  return { kind: "message", message: { id, type, key: record.key, data: data.data, traceparent, record } };
}

/** What a parser says of a text that is no JSON quotes the text. */
function parse(bytes: Uint8Array): { readonly value?: unknown; readonly objection?: string } {
  let text: string;
  try {
    text = utf8.decode(bytes);
  } catch {
    return { objection: `its ${bytes.byteLength} bytes are not UTF-8` };
  }
  try {
    return { value: JSON.parse(text) };
  } catch {
    return { objection: `its ${bytes.byteLength} bytes are not JSON` };
  }
}
