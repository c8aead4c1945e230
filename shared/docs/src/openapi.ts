import type { Endpoint } from "@shop/contracts/http/define";
import { EVENT_STREAM } from "@shop/http/streaming/event-stream";
import { API_VERSION } from "./about.ts";
import { exampleOf } from "./example.ts";
import { ETAG, RATE_LIMIT, rateLimitHeaders, REQUEST_ID, requestIdHeader } from "./headers.ts";
import { type Json, schemaRef } from "./json-schema.ts";
import { problemComponents, problemsOf } from "./problem-responses.ts";

export interface OpenApiDocument {
  readonly openapi: "3.1.1";
  readonly info: Json;
  readonly servers: readonly Json[];
  readonly tags: readonly Json[];
  readonly paths: Readonly<Record<string, Readonly<Record<string, Json>>>>;
  readonly components: Json;
}

const description = `Log in, order, follow the saga, deliver.

**Logging in.** \`POST /login\` gives an access token for 15 minutes, sent as \`Authorization: Bearer …\`, and a refresh token for \`POST /login/refresh\`.

**Errors** are RFC 9457 problems. \`code\` is for programs and stays as it is, \`detail\` is for people, \`requestId\` leads to the log. They are checked in this order: 404 for an unknown path, 405 with \`Allow\` for a wrong method, 401, 429, 403, 413, 415, 400, 422, 404 for an unknown thing, 412, 409.

**Lists** are \`{items, nextCursor}\`, newest first unless \`sort\` says otherwise; \`cursor\` continues where a page has ended. With \`Accept: text/csv\` or \`application/x-ndjson\` a page is a table with a line of names, or one object a line, and \`X-Next-Cursor\` is its cursor. **Times** are RFC 3339 in UTC, **ids** UUIDs of version 7, **money** whole numbers of the currency's minor unit. An unknown field in a body or a query is an error. A **text** of which nothing is seen (spaces, fillers, zero-width and other ignorable characters) is blank, and refused where a text is needed.

**Again.** \`GET\`, \`PUT\` and \`DELETE\` may be repeated. So may a \`POST\` with the same \`Idempotency-Key\`, where it takes one. After a 429 or a 503 \`Retry-After\` says when.

**Limits.** The answers to calls that need a token say in \`RateLimit-Policy\` how many requests the caller may make, and in \`RateLimit\` how many are left. With one more the answer is 429.

**Versions.** An answer with an \`ETag\` can be named in \`If-Match\`: a change is then made only if the thing is still as it was seen, else 412, with the thing as it is. Preconditions follow RFC 9110 (strong comparison, lists, \`*\`). The \`ETag\` of a product is its version; the stock is no part of it.

Every answer carries \`X-Request-Id\`: the caller's own when it is 8 to 64 letters, digits, \`_\` and \`-\`. Every \`GET\` also answers \`HEAD\`.`;

/** What is told of each group of calls. */
const tags: Readonly<Record<Endpoint["service"], { readonly name: string; readonly description: string }>> = {
  user: {
    name: "user",
    description: "Signing up, logging in and out, and the keys that access tokens are signed with.",
  },
  product: { name: "product", description: "What is on sale, and its stock." },
  order: { name: "order", description: "Placing, following and cancelling orders." },
  delivery: { name: "delivery", description: "What riders take, hand over, give back, or cannot deliver." },
  orchestrator: {
    name: "saga",
    description: "For operators: how far each order's saga is, and setting a stuck one going.",
  },
  participants: {
    name: "operations",
    description: "For operators: messages that could not be handled, and the health of all services.",
  },
  all: {
    name: "operations",
    description: "For operators: messages that could not be handled, and the health of all services.",
  },
};

/**
 * The OpenAPI 3.1 document of the given endpoints, made from the schemas that validate their requests.
 * Schemas with an id (`.meta({ id })`) become named components.
 */
export function openApiDocument(endpoints: readonly Endpoint[]): OpenApiDocument {
  const schemas: Json = {};
  const paths: Record<string, Record<string, Json>> = {};
  for (const endpoint of endpoints) {
    const path = (paths[endpoint.path] ??= {});
    path[endpoint.method.toLowerCase()] = operation(endpoint, schemas);
  }
  const used = new Map(endpoints.map(({ service }) => [tags[service].name, tags[service]]));
  return {
    openapi: "3.1.1",
    info: {
      title: "Order and delivery",
      version: API_VERSION,
      description,
      license: { name: "MIT", identifier: "MIT" },
    },
    servers: [{ url: "/" }],
    tags: [...used.values()],
    paths,
    components: {
      responses: problemComponents(schemas),
      schemas,
      headers: { RequestId: requestIdHeader, ...rateLimitHeaders },
      securitySchemes: {
        bearer: {
          type: "http",
          scheme: "bearer",
          bearerFormat: "JWT",
          description: "An access token from `POST /login`",
        },
      },
    },
  };
}

function operation(endpoint: Endpoint, schemas: Json): Json {
  const { name, summary, service, access, body } = endpoint;
  const parameters = parametersOf(endpoint, schemas);
  return {
    operationId: name,
    summary,
    description: access === "anyone" ? "For anyone." : `For: ${access.join(", ")}.`,
    tags: [tags[service].name],
    security: access === "anyone" ? [] : [{ bearer: [] }],
    ...(parameters.length === 0 ? {} : { parameters }),
    ...(body === undefined
      ? {}
      : {
          requestBody: {
            required: true,
            content: {
              "application/json": {
                schema: schemaRef(body, { io: "input" }, schemas),
                example: exampleOf(body, "input"),
              },
            },
          },
        }),
    responses: { ...successOf(endpoint, schemas), ...problemsOf(endpoint, schemas) },
  };
}

function successOf({ method, summary, access, headers: taken, success }: Endpoint, schemas: Json): Json {
  const { status, schema, stream, headers = {} } = success;
  const own = Object.entries(headers).map(([name, header]) => [
    headerName(name),
    parameter({}, schemaRef(header, { io: "output" }, schemas)),
  ]);
  return {
    [status]: {
      description: summary,
      headers: {
        ...REQUEST_ID,
        ...(access === "anyone" ? {} : RATE_LIMIT),
        ...(Object.fromEntries(own) as Json),
      },
      ...(schema === undefined
        ? {}
        : {
            content:
              stream === true
                ? {
                    [EVENT_STREAM]: eventStream(
                      schemaRef(schema, { io: "output" }, schemas),
                      exampleOf(schema, "output"),
                    ),
                  }
                : {
                    "application/json": {
                      schema: schemaRef(schema, { io: "output" }, schemas),
                      example: exampleOf(schema, "output"),
                    },
                  },
          }),
    },
    ...(method === "GET" && "if-none-match" in taken
      ? { 304: { description: "What `If-None-Match` names is what there is", headers: { ...REQUEST_ID, ...ETAG } } }
      : {}),
    ...(stream === true ? { 204: { description: "There are no more events", headers: REQUEST_ID } } : {}),
  };
}

/**
 * Before 3.2, which has `itemSchema` for it, OpenAPI has no words for a stream of items: tools read `schema` of an event stream as that of each event. The
 * document stays at 3.1, which is what readers of the API are promised.
 */
function eventStream(schema: Json, event: unknown): Json {
  return {
    schema: {
      type: "object",
      description:
        "Server-Sent Events; this is one of them, once its fields have been read. Lines that begin with a colon keep the connection alive",
      properties: {
        id: { type: "string", pattern: "^[1-9][0-9]*$", description: "A whole number that grows" },
        event: { type: "string", const: "message", description: "What a reader has for an event that names no type" },
        retry: { type: "integer", minimum: 0, description: "Milliseconds until a reader connects again" },
        data: {
          type: "string",
          description: "JSON of the content schema",
          contentMediaType: "application/json",
          contentSchema: schema,
        },
      },
      required: ["id", "data"],
    },
    example: `retry: 1000\n\nid: 1\ndata: ${JSON.stringify(event)}\n\n: still here\n\n`,
  };
}

function parametersOf({ path, query, headers }: Endpoint, schemas: Json): Json[] {
  const inPath = [...path.matchAll(/\{(\w+)\}/g)].map((match) => ({
    name: match[1],
    in: "path",
    required: true,
    description: "Its id; one that is no UUID is 404",
    schema: { type: "string", format: "uuid" },
  }));
  const inQuery = query === undefined ? [] : queryParameters(schemaRef(query, { io: "input" }, schemas));
  const inHeader = Object.entries(headers).map(([name, schema]) =>
    parameter({ name: headerName(name), in: "header", required: false }, schemaRef(schema, { io: "input" }, schemas)),
  );
  return [...inPath, ...inQuery, ...inHeader];
}

function queryParameters(schema: Json): Json[] {
  const properties = (schema["properties"] ?? {}) as Readonly<Record<string, Json>>;
  const required = new Set((schema["required"] ?? []) as readonly string[]);
  return Object.entries(properties).map(([name, property]) =>
    parameter({ name, in: "query", required: required.has(name) }, property),
  );
}

/** A description belongs to the parameter or the header, where readers of the document look for it. */
function parameter(facts: Json, { description: text, ...schema }: Json): Json {
  return { ...facts, ...(text === undefined ? {} : { description: text }), schema };
}

/** `idempotency-key` is written `Idempotency-Key`. */
function headerName(name: string): string {
  if (name === "etag") return "ETag";
  return name.replaceAll(/(^|-)[a-z]/g, (start) => start.toUpperCase());
}
