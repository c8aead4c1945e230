import { z } from "zod";
import type { Json } from "./json-schema.ts";

const ORDER_ID = "01939e6a-7c00-7000-8000-0000000a0001";
const CUSTOMER_ID = "01939e6a-7c00-7000-8000-0000000c0001";
const SOME_ID = "01939e6a-7c00-7000-8000-0000000b0001";
const PRODUCT_ID = "01939e6a-7c00-7000-8000-000000000010";

/** What a field holds in every example, so that together they tell one story: two boxes of yakgwa that wait for a rider. */
const byName: Readonly<Record<string, unknown>> = {
  id: ORDER_ID,
  orderId: ORDER_ID,
  orderIds: [ORDER_ID],
  customerId: CUSTOMER_ID,
  productId: PRODUCT_ID,
  deliveryId: "01939e6a-7c00-7000-8000-0000000d0001",
  riderId: null,
  auditId: "01939e6a-7c00-7000-8000-0000000e0001",
  messageId: "01939e6a-7c00-7000-8000-0000000f0001",
  traceparent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
  username: "customer",
  password: "customer-password",
  displayName: "Kim Minji",
  name: "Yakgwa",
  description: "Honey cookies, twelve in a box",
  unitPrice: 12_000,
  price: 12_000,
  quantity: 2,
  total: 24_000,
  stock: 40,
  delta: 10,
  version: 3,
  deliveryAddress: "1 Sejong-daero, Jung-gu, Seoul",
  cancelReason: null,
  failReason: null,
  completedAt: null,
  replayedAt: null,
  nextCursor: null,
  accessToken: "eyJhbGciOiJFZERTQSIsInR5cCI6ImF0K2p3dCIsImtpZCI6IjEifQ.eyJzdWIiOiIuLi4ifQ.c2lnbmF0dXJl",
  refreshToken: "q1Yw0f3kJmE7cVbTnA5sZx2RrUdLhG9pOiKoWe8B4M0",
  expiresIn: 900,
  attempts: 1,
  message: "DeliveryCreated",
  detail: "the delivery waits for a rider",
  reason: "nobody at home",
  topic: "product.commands",
  type: "DecreaseProductCommand",
  partition: 2,
  offset: "4711",
  key: ORDER_ID,
  text: "{",
  bytes: 1,
  headers: { "content-type": "application/cloudevents+json; charset=utf-8" },
  source: "/services/orchestrator",
  subject: ORDER_ID,
  unsent: 0,
  oldestUnsentSeconds: 0,
  deadLetters: 0,
  lag: 0,
  count: 0,
  released: 0,
  keys: [
    {
      kty: "OKP",
      crv: "Ed25519",
      kid: "1",
      alg: "EdDSA",
      use: "sig",
      x: "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo",
    },
  ],
  unavailable: [],
  dryRun: true,
  limit: "20",
  cursor: ORDER_ID.replaceAll("-", ""),
};

/**
 * A value that fits a schema: what the schema itself gives as an example, else what a field of its name holds everywhere, else the first of its choices.
 * @throws Error for a text of which nobody has said what it looks like
 */
export function exampleOf(schema: z.ZodType, io: "input" | "output"): unknown {
  const root = z.toJSONSchema(schema, { io, unrepresentable: "any" }) as Json;
  return sample(root, "", (root["$defs"] ?? {}) as Readonly<Record<string, Json>>);
}

type Definitions = Readonly<Record<string, Json>>;

function sample(schema: Json, name: string, definitions: Definitions): unknown {
  const ref = schema["$ref"];
  if (typeof ref === "string") return sample(definitions[ref.replace("#/$defs/", "")] ?? {}, name, definitions);
  const [given] = (schema["examples"] ?? []) as readonly unknown[];
  const known = name in byName && allows(schema, byName[name], definitions) ? [byName[name]] : [];
  const fixed = "const" in schema ? [schema["const"]] : [];
  const [first] = [
    ...fixed,
    ...(given === undefined ? [] : [given]),
    ...known,
    ...((schema["enum"] ?? []) as unknown[]),
  ];
  if (first !== undefined) return first;
  const choices = (schema["anyOf"] ?? schema["oneOf"]) as readonly Json[] | undefined;
  if (choices?.[0] !== undefined) return sample(choices[0], name, definitions);
  return sampleOfType(schema, name, definitions);
}

function sampleOfType(schema: Json, name: string, definitions: Definitions): unknown {
  switch (schema["type"]) {
    case "object": {
      const properties = (schema["properties"] ?? {}) as Readonly<Record<string, Json>>;
      return Object.fromEntries(
        Object.entries(properties).map(([key, property]) => [key, sample(property, key, definitions)]),
      );
    }
    case "array":
      return [sample((schema["items"] ?? {}) as Json, name, definitions)];
    case "boolean":
      return true;
    default:
      if (schema["format"] === "uuid") return SOME_ID;
      throw new Error(`no example for ${name === "" ? "the whole" : name}: ${JSON.stringify(schema).slice(0, 200)}`);
  }
}

/** Whether a schema takes a value, as far as its type says; what its rules say is for the test of all examples. */
function allows(schema: Json, value: unknown, definitions: Definitions): boolean {
  const ref = schema["$ref"];
  if (typeof ref === "string") return allows(definitions[ref.replace("#/$defs/", "")] ?? {}, value, definitions);
  const choices = (schema["anyOf"] ?? schema["oneOf"]) as readonly Json[] | undefined;
  if (choices !== undefined) return choices.some((choice) => allows(choice, value, definitions));
  const values = schema["enum"] as readonly unknown[] | undefined;
  if (values !== undefined) return values.includes(value);
  const type = value === null ? "null" : Array.isArray(value) ? "array" : typeof value;
  const types = [schema["type"]].flat();
  return types.includes(type) || (types.includes("integer") && Number.isInteger(value));
}
