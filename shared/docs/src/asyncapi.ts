import { allMessages } from "@shop/contracts/messages/registry";
import { participants } from "@shop/contracts/http/dead-letter";
import { CLOUD_EVENT_CONTENT_TYPE, CloudEvent, dataschemaOf } from "@shop/contracts/messages/cloud-event";
import { type MessageDefinition, type ServiceName, type Topic, topics } from "@shop/contracts/messages/define";
import { API_VERSION } from "./about.ts";
import { exampleOf } from "./example.ts";
import { type Json, schemaRef } from "./json-schema.ts";

const dialect = { io: "output", target: "draft-7" } as const;
const KAFKA_BINDING = { bindingVersion: "0.5.0" } as const;

const topicSummaries: Readonly<Record<Topic, string>> = {
  "order.events": "What happened to orders.",
  "order.commands": "What the saga, and the audit of the books, ask of the order service.",
  "product.events": "What happened to stock and to products.",
  "product.commands": "What the saga, the audit and the order service ask of the product service.",
  "delivery.events": "What happened to deliveries.",
  "delivery.commands": "What the saga and the audit ask of the delivery service.",
};

const description = `Every message between the services, as it stands in Kafka. Each record's value is a CloudEvents 1.0 event in structured mode, its key the subject: messages of one key stay in order.
Every service that reads a topic keeps the ids of what it has handled, so a message that is delivered again changes nothing. Readers ignore properties that they do not know.`;

/** The AsyncAPI 3.0 document of the given messages, made from the schemas by which senders and receivers validate them. */
export function asyncApiDocument(messages: readonly MessageDefinition[] = allMessages): Json {
  const schemas: Json = {};
  const envelope = schemaRef(CloudEvent, dialect, schemas);
  return {
    asyncapi: "3.0.0",
    info: {
      title: "Order and delivery: messages",
      version: API_VERSION,
      description,
      license: { name: "MIT", url: "https://spdx.org/licenses/MIT.html" },
      tags: participants.map((name) => ({ name })),
    },
    defaultContentType: "application/cloudevents+json",
    servers: {
      kafka: {
        host: "kafka:9092",
        protocol: "kafka",
        description: "Apache Kafka, where `KAFKA_BROKERS` says. `TOPIC_PREFIX` stands before each topic's name.",
      },
    },
    channels: Object.fromEntries(topics.map((topic) => [topic, channelOf(topic, messages)])),
    operations: operationsOf(messages),
    components: {
      messages: Object.fromEntries(messages.map((message) => [message.type, messageOf(message, schemas)])),
      schemas: { CloudEvent: envelope, ...schemas },
    },
  };
}

function channelOf(topic: Topic, messages: readonly MessageDefinition[]): Json {
  const own = messages.filter((message) => message.topic === topic);
  return {
    address: topic,
    summary: topicSummaries[topic],
    servers: [{ $ref: "#/servers/kafka" }],
    messages: Object.fromEntries(own.map(({ type }) => [type, { $ref: `#/components/messages/${type}` }])),
    bindings: { kafka: { topic, ...KAFKA_BINDING } },
  };
}

/** Each service's sending to, and receiving from, each topic. */
function operationsOf(messages: readonly MessageDefinition[]): Json {
  const operations: Json = {};
  const add = (service: ServiceName, action: "send" | "receive", { topic, type }: MessageDefinition) => {
    const name = `${service}.${action}.${topic}`;
    const operation = (operations[name] ??= {
      action,
      channel: { $ref: `#/channels/${topic}` },
      summary: `What ${service} ${action === "send" ? "sends to" : "handles of"} ${topic}.`,
      tags: [{ name: service }],
      ...(action === "receive"
        ? { bindings: { kafka: { groupId: { type: "string", const: service }, ...KAFKA_BINDING } } }
        : {}),
      messages: [],
    }) as { readonly messages: Json[] };
    operation.messages.push({ $ref: `#/channels/${topic}/messages/${type}` });
  };
  for (const message of messages) {
    add(message.sender, "send", message);
    for (const receiver of message.receivers) add(receiver, "receive", message);
  }
  return Object.fromEntries(Object.entries(operations).toSorted(([one], [other]) => one.localeCompare(other, "en")));
}

/** The fields of data that name what a message is about, and with it the record's key. */
const KEY_FIELDS = { orderId: "The order's id", auditId: "The audit's id", productId: "The product's id" } as const;
const OTHER_KEY = "catalogue";

function messageOf(definition: MessageDefinition, schemas: Json): Json {
  const { type, sender, receivers, summary, version, alsoReads } = definition;
  const example = exampleOf(definition.data, "output") as Json;
  const keyField = (Object.keys(KEY_FIELDS) as readonly (keyof typeof KEY_FIELDS)[]).find((field) => field in example);
  const key = keyField === undefined ? OTHER_KEY : String(example[keyField]);
  const source = `/services/${sender}`;
  const versions = [version, ...alsoReads.map((other) => other.version)];
  return {
    name: type,
    title: type,
    summary,
    description: `From ${sender} to ${receivers.join(" and ")}. Versions that are read: ${versions.join(", ")}.`,
    contentType: CLOUD_EVENT_CONTENT_TYPE,
    tags: [{ name: sender }],
    headers: { type: "object", properties: { "content-type": { type: "string", const: CLOUD_EVENT_CONTENT_TYPE } } },
    payload: {
      allOf: [
        { $ref: "#/components/schemas/CloudEvent" },
        {
          type: "object",
          properties: {
            type: { type: "string", const: type },
            source: { type: "string", const: source },
            dataschema: { type: "string", const: dataschemaOf(definition, version) },
            data: schemaRef(definition.data, dialect, schemas),
          },
        },
      ],
    },
    bindings: {
      kafka: {
        key:
          keyField === undefined
            ? { type: "string", const: OTHER_KEY }
            : { type: "string", format: "uuid", description: KEY_FIELDS[keyField] },
        ...KAFKA_BINDING,
      },
    },
    examples: [
      {
        name: type,
        headers: { "content-type": CLOUD_EVENT_CONTENT_TYPE },
        payload: {
          specversion: "1.0",
          id: "01939e6a-7c00-7000-8000-0000000f0001",
          source,
          type,
          time: "2026-11-23T04:05:06.789Z",
          subject: key,
          datacontenttype: "application/json",
          dataschema: dataschemaOf(definition, version),
          traceparent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
          data: example,
        },
      },
    ],
  };
}
