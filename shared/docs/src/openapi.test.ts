import { expect, test } from "bun:test";
import { Validator } from "@seriousme/openapi-schema-validator";
import { allEndpoints } from "@shop/contracts/http/catalog";
import { openApiDocument } from "./openapi.ts";

const document = openApiDocument(allEndpoints);
type Json = Record<string, unknown>;

/** Follows a path of keys into the document. */
function at(...keys: readonly string[]): unknown {
  return keys.reduce<unknown>((value, key) => (value as Json | undefined)?.[key], document);
}

function refsIn(value: unknown): string[] {
  if (typeof value !== "object" || value === null) return [];
  return Object.entries(value).flatMap(([key, inner]) =>
    key === "$ref" && typeof inner === "string" ? [inner] : refsIn(inner),
  );
}

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

test("a call tells its body, headers, success, refusals and who may make it", () => {
  const place = ["paths", "/api/orders", "post"] as const;
  expect(at(...place, "security")).toEqual([{ bearer: [] }]);
  expect(at(...place, "requestBody", "content", "application/json", "schema", "additionalProperties")).toBe(false);
  expect(at(...place, "parameters", "0", "name")).toBe("Idempotency-Key");
  expect(at(...place, "responses", "201", "content", "application/json", "schema")).toEqual({
    $ref: "#/components/schemas/Order",
  });
  expect(Object.keys(at(...place, "responses") as Json)).toEqual([
    "201",
    "400",
    "401",
    "403",
    "413",
    "415",
    "422",
    "429",
    "500",
    "503",
  ]);
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
    ["status", "query", false],
    ["orderId", "query", false],
  ]);
});

test("a call that anyone may make asks for no token and has neither 401 nor 403 of its own", () => {
  expect(at("paths", "/api/products", "get", "security")).toBeUndefined();
  expect(Object.keys(at("paths", "/api/products", "get", "responses") as Json)).toEqual([
    "200",
    "422",
    "429",
    "500",
    "503",
  ]);
});

test("the document is valid by the specification's own JSON Schema, and one that is not is found", async () => {
  const errorsOf = async (given: Record<string, unknown>) =>
    (await new Validator().validate(structuredClone(given))).errors;
  expect(await errorsOf({ ...document })).toBeUndefined();
  expect(await errorsOf({ ...document, paths: { orders: {} } })).not.toBeUndefined();
});
