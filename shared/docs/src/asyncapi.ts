import { allMessages } from "@shop/contracts/messages/registry";
import { participants } from "@shop/contracts/services";
import { CLOUD_EVENT_CONTENT_TYPE, CloudEvent, dataschemaOf } from "@shop/contracts/messages/cloud-event";
import type { MessageDefinition } from "@shop/contracts/messages/define";
import { type ServiceName, type Topic, topics } from "@shop/contracts/services";
import { orderSaga } from "@shop/contracts/order-saga";
import { API_VERSION } from "./about.ts";
import { exampleOf } from "./example.ts";
import { type Json, schemaRef } from "./json-schema.ts";

const dialect = { io: "output", target: "draft-7" } as const;
const KAFKA_BINDING = { bindingVersion: "0.5.0" } as const;

const topicSummaries: Readonly<Record<Topic, string>> = {
  "order.events": "What happened to orders.",
  "order.commands": "What the saga, and the audit of the books, ask of the order service.",
  "product.events": "What happened to stock and to products.",
  "product.commands": "What the saga and the audit ask of the product service.",
  "product.requests": "What the order service asks of the product service for its copy of the catalogue.",
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
    "x-saga": sagaSteps(),
    channels: Object.fromEntries(topics.map((topic) => [topic, channelOf(topic, messages)])),
    operations: operationsOf(messages),
    components: {
      messages: Object.fromEntries(messages.map((message) => [message.type, messageOf(message, schemas)])),
      schemas: { CloudEvent: envelope, ...schemas },
    },
  };
}

const SAGA_STEPS = [...orderSaga.forward, ...orderSaga.backward];

/** The order's saga, by the definition that the orchestrator runs: an extension, since AsyncAPI knows no sagas. */
function sagaSteps(): Json {
  return {
    ...{ name: orderSaga.name, version: orderSaga.version, begins: orderSaga.begins, cancels: orderSaga.cancels },
    steps: SAGA_STEPS.map(({ name, kind, service, command, answers, compensation }) => ({
      ...{ name, kind, service, command, answers: [...answers], compensation },
    })),
  };
}

/** What a message is in the saga; nothing for one that it neither sends nor waits for. */
function partInSaga(type: string): readonly string[] {
  const named = (steps: typeof SAGA_STEPS) => steps.map(({ name }) => name).join(", ");
  const commanded = SAGA_STEPS.filter(({ command }) => command === type);
  const answered = SAGA_STEPS.filter(({ answers }) => answers.some((answer) => answer === type));
  return [
    ...(type === orderSaga.begins ? ["It begins the saga of its order."] : []),
    ...(type === orderSaga.cancels ? ["It asks the saga of its order to compensate."] : []),
    ...(commanded.length > 0 ? [`The saga's command in ${named(commanded)}.`] : []),
    ...(answered.length > 0 ? [`It answers the saga in ${named(answered)}.`] : []),
  ];
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
    description: [
      `From ${sender} to ${receivers.join(" and ")}.`,
      ...partInSaga(type),
      `Versions that are read: ${versions.join(", ")}.`,
    ].join(" "),
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
