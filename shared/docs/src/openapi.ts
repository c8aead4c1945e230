import type { Endpoint } from "@shop/contracts/http/define";
import { Problem, problemCodes } from "@shop/contracts/http/problem";
import { PROBLEM_JSON } from "@shop/http/answer";
import { EVENT_STREAM } from "@shop/http/event-stream";
import { type Json, schemaRef } from "./json-schema.ts";

export interface OpenApiDocument {
  readonly openapi: "3.1.1";
  readonly info: { readonly title: string; readonly version: string; readonly description: string };
  readonly paths: Readonly<Record<string, Readonly<Record<string, Json>>>>;
  readonly components: Json;
  readonly tags: readonly { readonly name: string }[];
}

/**
 * The OpenAPI 3.1 document of the given endpoints, made from the schemas that validate their requests.
 * Schemas with an id (`.meta({ id })`) become named components.
 */
export function openApiDocument(
  endpoints: readonly Endpoint[],
  info: OpenApiDocument["info"] = {
    title: "Order and delivery",
    version: "1.0.0",
    description: "Log in, order, follow the saga, deliver. Errors are RFC 9457 problems; lists are newest first.",
  },
): OpenApiDocument {
  const schemas: Json = {};
  const paths: Record<string, Record<string, Json>> = {};
  for (const endpoint of endpoints) {
    const path = (paths[endpoint.path] ??= {});
    path[endpoint.method.toLowerCase()] = operation(endpoint, schemas);
  }
  const problemSchema = schemaRef(Problem, { io: "output" }, schemas);
  return {
    openapi: "3.1.1",
    info,
    tags: [...new Set(endpoints.map(({ service }) => service))].map((name) => ({ name })),
    paths,
    components: {
      schemas,
      responses: errorResponses(problemSchema),
      headers: { RequestId: requestIdHeader },
      securitySchemes: { bearer: { type: "http", scheme: "bearer", bearerFormat: "JWT" } },
    },
  };
}

const requestIdHeader = {
  description: "The request's id: the caller's own when it matches the pattern, else a new one",
  schema: { type: "string", pattern: "^[A-Za-z0-9_-]{8,64}$" },
};
const REQUEST_ID = { "X-Request-Id": { $ref: "#/components/headers/RequestId" } };

/** Refusals that depend on the shape of a call, and what they mean there. */
const generalErrors: Readonly<Record<number, string>> = {
  400: "The body cannot be read: not JSON, not UTF-8, or NUL or half of a surrogate pair in it",
  401: "No valid access token",
  403: "The caller's role may not do this",
  404: "Unknown",
  409: "Not possible in the present state",
  413: "The body has more than 262,144 bytes",
  415: "The body is not application/json, or has a Content-Encoding",
  422: "A rule is broken in the body, the query or a header; `errors` names each",
  429: "Too many requests; `Retry-After` tells when to come again",
  500: "A fault of the service",
  503: "Something that the call needs is away; `Retry-After` tells when to come again",
};

function errorResponses(schema: Json): Json {
  return Object.fromEntries(
    Object.entries(generalErrors).map(([status, description]) => [
      `Problem${status}`,
      problemAnswer(schema, Number(status), description),
    ]),
  );
}

function problemAnswer(schema: Json, status: number, description: string): Json {
  const codes = Object.entries(problemCodes).flatMap(([code, known]) => (known.status === status ? [code] : []));
  return {
    description: `${description}. Codes: ${codes.join(", ")}.`,
    headers: {
      ...REQUEST_ID,
      ...(status === 401 ? { "WWW-Authenticate": { schema: { type: "string", const: "Bearer" } } } : {}),
      ...(status === 429 || status === 503
        ? { "Retry-After": { description: "Seconds", schema: { type: "integer", minimum: 1 } } }
        : {}),
    },
    content: { [PROBLEM_JSON]: { schema } },
  };
}

function operation(endpoint: Endpoint, schemas: Json): Json {
  const { name, summary, service, access, body, success } = endpoint;
  const parameters = parametersOf(endpoint, schemas);
  const who = access === "anyone" ? {} : { description: `For: ${access.join(", ")}.`, security: [{ bearer: [] }] };
  return {
    operationId: name,
    summary,
    tags: [service],
    ...who,
    ...(parameters.length === 0 ? {} : { parameters }),
    ...(body === undefined
      ? {}
      : {
          requestBody: {
            required: true,
            content: { "application/json": { schema: schemaRef(body, { io: "input" }, schemas) } },
          },
        }),
    responses: {
      [success.status]: {
        description: summary,
        headers: REQUEST_ID,
        ...(success.schema === undefined
          ? {}
          : { content: contentOf(success.stream === true, schemaRef(success.schema, { io: "output" }, schemas)) }),
      },
      ...(success.stream === true ? { 204: { description: "There are no more events", headers: REQUEST_ID } } : {}),
      ...errorsOf(endpoint, schemas),
    },
  };
}

function contentOf(isStream: boolean, schema: Json): Json {
  if (!isStream) return { "application/json": { schema } };
  const description = "Server-Sent Events; the `data` of each is JSON of this content schema, its `id` a whole number";
  return {
    [EVENT_STREAM]: {
      schema: { type: "string", description, contentMediaType: "application/json", contentSchema: schema },
    },
  };
}

function errorsOf({ path, access, body, refusals }: Endpoint, schemas: Json): Json {
  const statuses = new Set([422, 429, 500, 503]);
  if (access !== "anyone") for (const status of [401, 403]) statuses.add(status);
  if (body !== undefined) for (const status of [400, 413, 415]) statuses.add(status);
  if (path.includes("{")) statuses.add(404);
  const general = [...statuses].map((status) => [status, { $ref: `#/components/responses/Problem${status}` }]);
  const own = Object.entries(refusals).map(([status, description]) => [
    status,
    problemAnswer(schemaRef(Problem, { io: "output" }, schemas), Number(status), description),
  ]);
  return Object.fromEntries([...general, ...own]);
}

function parametersOf({ path, query, headers }: Endpoint, schemas: Json): Json[] {
  const inPath = [...path.matchAll(/\{(\w+)\}/g)].map((match) => ({
    name: match[1],
    in: "path",
    required: true,
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

/** A description belongs to the parameter, where readers of the document look for it. */
function parameter(facts: Json, { description, ...schema }: Json): Json {
  return { ...facts, ...(description === undefined ? {} : { description }), schema };
}

/** `idempotency-key` is written `Idempotency-Key`. */
function headerName(name: string): string {
  return name.replaceAll(/(^|-)[a-z]/g, (start) => start.toUpperCase());
}
