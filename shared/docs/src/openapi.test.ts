import { describe, expect, test } from "bun:test";
import { Validator } from "@seriousme/openapi-schema-validator";
import { allEndpoints } from "@shop/contracts/http/endpoints";
import { Problem, problemCodes } from "@shop/contracts/http/problem";
import { exampleOf } from "./example.ts";
import { openApiDocument } from "./openapi.ts";

const document = openApiDocument(allEndpoints);
type Json = Record<string, unknown>;

/** Follows a path of keys into the document, through references. */
function at(...keys: readonly string[]): unknown {
  return keys.reduce<unknown>((value, key) => {
    const next = (value as Json | undefined)?.[key];
    const ref = (next as { readonly $ref?: string } | undefined)?.$ref;
    return ref === undefined ? next : at(...ref.slice(2).split("/"));
  }, document);
}

function refsIn(value: unknown): string[] {
  if (typeof value !== "object" || value === null) return [];
  return Object.entries(value).flatMap(([key, inner]) =>
    key === "$ref" && typeof inner === "string" ? [inner] : refsIn(inner),
  );
}

const statusesOf = (path: string, method: string) => Object.keys(at("paths", path, method, "responses") as Json);
const placeOf = ({ path, method }: (typeof allEndpoints)[number]) => ["paths", path, method.toLowerCase()] as const;

test("every endpoint is in the document, once, under its own operation id", () => {
  const ids = Object.values(document.paths).flatMap((path) =>
    Object.values(path).map((operation) => String(operation["operationId"])),
  );
  expect(ids.toSorted()).toEqual(allEndpoints.map(({ name }) => name).toSorted());
});

test("every reference leads somewhere, and none to a place that only a lone schema has", () => {
  const refs = refsIn(document);
  expect(refs).not.toBeEmpty();
  for (const ref of refs) {
    expect(ref).toStartWith("#/components/");
    expect([ref, typeof at(...ref.slice(2).split("/"))]).toEqual([ref, "object"]);
  }
  expect(JSON.stringify(document)).not.toContain("$defs");
});

test("the document is valid by the specification's own JSON Schema, and one that is not is found", async () => {
  const errorsOf = async (given: Record<string, unknown>) =>
    (await new Validator().validate(structuredClone(given))).errors;
  expect(await errorsOf({ ...document })).toBeUndefined();
  expect(await errorsOf({ ...document, paths: { orders: {} } })).not.toBeUndefined();
}, 60_000);

test("a call tells its body, headers, success, refusals and who may make it", () => {
  const place = ["paths", "/api/orders", "post"] as const;
  expect(at(...place, "security")).toEqual([{ bearer: [] }]);
  expect(at(...place, "requestBody", "content", "application/json", "schema", "additionalProperties")).toBe(false);
  expect(at(...place, "parameters", "0", "name")).toBe("Idempotency-Key");
  expect(refsIn(at(...place, "responses", "201", "content"))).toEqual(["#/components/schemas/Order"]);
  const statuses = ["201", "400", "401", "403", "408", "409", "413", "415", "422", "429", "500", "503"];
  expect(statusesOf("/api/orders", "post")).toEqual(statuses);
});

test("path and query parameters are there with their rules; a default makes one optional", () => {
  const named = (path: string) =>
    (at("paths", path, "get", "parameters") as readonly Json[]).map(({ name, in: place, required }) => [
      name,
      place,
      required,
    ]);
  expect(named("/api/orders/{id}")).toEqual([["id", "path", true]]);
  expect(named("/api/deliveries")).toEqual([
    ["limit", "query", false],
    ["cursor", "query", false],
    ["from", "query", false],
    ["to", "query", false],
    ["sort", "query", false],
    ["status", "query", false],
    ["customerId", "query", false],
    ["riderId", "query", false],
    ["orderId", "query", false],
    ["failReason", "query", false],
  ]);
});

test("a call that anyone may make asks for no token and has neither 401 nor 403 of its own", () => {
  expect(at("paths", "/api/products", "get", "security")).toEqual([]);
  expect(statusesOf("/api/products", "get")).toEqual(["200", "422", "429", "500", "503"]);
});

test("what the document says of itself and of its groups is there to be read", () => {
  expect(document.info).toMatchObject({ version: "1.0.0", license: { name: "MIT", identifier: "MIT" } });
  const names = document.tags.map(({ name }) => String(name));
  expect(names).toEqual(["user", "product", "order", "delivery", "saga", "operations"]);
  for (const endpoint of allEndpoints) {
    const { summary, tags, description } = at(...placeOf(endpoint)) as Readonly<Record<string, unknown>>;
    expect([endpoint.name, typeof summary, typeof description]).toEqual([endpoint.name, "string", "string"]);
    expect(names).toContainValues(tags as string[]);
  }
});

describe("headers", () => {
  const headersOf = (path: string, method: string, status: number) =>
    Object.keys(at("paths", path, method, "responses", String(status), "headers") as Json);

  test("of every answer hold its request id, and what its status asks for", () => {
    for (const endpoint of allEndpoints) {
      const { path, method } = endpoint;
      for (const status of statusesOf(path, method.toLowerCase())) {
        const headers = headersOf(path, method.toLowerCase(), Number(status));
        const where = `${endpoint.name} ${status}`;
        expect(headers, where).toContain("X-Request-Id");
        expect(headers.includes("WWW-Authenticate"), where).toBe(status === "401");
        expect(headers.includes("Retry-After"), where).toBe(status === "429" || status === "503");
      }
    }
    expect(Object.keys(at("components", "responses", "Problem405", "headers") as Json)).toContain("Allow");
  });

  test("of a creation tell where the new thing is, and whether the answer is an earlier one", () => {
    const limits = ["RateLimit-Policy", "RateLimit"];
    expect(headersOf("/api/orders", "post", 201)).toEqual([
      "X-Request-Id",
      ...limits,
      "Location",
      "Idempotency-Replayed",
    ]);
    expect(headersOf("/api/products", "post", 201)).toEqual(["X-Request-Id", ...limits, "Location", "ETag"]);
    expect(headersOf("/api/products", "get", 200)).toEqual(["X-Request-Id"]);
  });
});

describe("examples", () => {
  test.each(allEndpoints.map((endpoint) => [endpoint.name, endpoint] as const))(
    "of %s pass its own schemas",
    (_name, endpoint) => {
      const { body, success } = endpoint;
      if (body !== undefined) {
        expect(body.safeParse(exampleOf(body, "input")).error).toBeUndefined();
        expect(at(...placeOf(endpoint), "requestBody", "content", "application/json", "example")).toBeDefined();
      }
      if (success.schema !== undefined)
        expect(success.schema.safeParse(exampleOf(success.schema, "output")).error).toBeUndefined();
    },
  );

  test("of refusals are problems of the code and the status where they stand; no code is without one", () => {
    const shown = new Set<string>();
    const answers = allEndpoints.flatMap((endpoint) =>
      statusesOf(endpoint.path, endpoint.method.toLowerCase()).map((status) => [endpoint, status] as const),
    );
    for (const [endpoint, status] of answers) {
      const examples = at(...placeOf(endpoint), "responses", status, "content", "application/problem+json", "examples");
      for (const [code, { value }] of Object.entries(
        (examples ?? {}) as Readonly<Record<string, { value: unknown }>>,
      )) {
        expect(Problem.parse(value)).toMatchObject({ code, status: Number(status) });
        shown.add(code);
      }
    }
    expect([...shown, "METHOD_NOT_ALLOWED"].toSorted()).toEqual(Object.keys(problemCodes).toSorted());
  });
});

test("a problem with members of its own passes the schema of its status: no part of it is closed to the others", () => {
  const schema = at(
    "paths",
    "/api/orders",
    "post",
    "responses",
    "409",
    "content",
    "application/problem+json",
    "schema",
  );
  expect(JSON.stringify(schema)).toContain("expectedTotal");
  expect(JSON.stringify(schema)).not.toContain('"additionalProperties":false,"type":"object"');
  expect(at("components", "schemas", "Problem", "additionalProperties")).toBeUndefined();
  for (const part of (schema as { allOf: readonly Json[] }).allOf) expect(part["additionalProperties"]).toBeUndefined();
});

test("a stream of events is described as one, each an object of its fields, with the schema of its data", () => {
  const content = at("paths", "/api/orders/{id}/events", "get", "responses", "200", "content") as Json;
  expect(Object.keys(content)).toEqual(["text/event-stream"]);
  expect(refsIn(content)).toEqual(["#/components/schemas/OrderEvent"]);
  const event = at(
    ...["paths", "/api/orders/{id}/events", "get", "responses", "200", "content", "text/event-stream"],
    "schema",
  );
  expect(event).toMatchObject({
    type: "object",
    properties: { id: {}, data: { contentMediaType: "application/json" } },
  });
  expect(statusesOf("/api/orders/{id}/events", "get")).toContain("204");
});
