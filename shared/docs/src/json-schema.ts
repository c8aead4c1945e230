import { z } from "zod";

export type Json = Record<string, unknown>;

interface Dialect {
  readonly io: "input" | "output";
  /** OpenAPI 3.1 has the newest; AsyncAPI 3.0 is a superset of draft 7. */
  readonly target?: "draft-2020-12" | "draft-7";
}

/** A schema as JSON Schema; what has an id (`.meta({ id })`) goes into `components` and is referred to as a component of the document. */
export function schemaRef(schema: z.ZodType, { io, target = "draft-2020-12" }: Dialect, components: Json): Json {
  const {
    $schema: _dialect,
    $defs = {},
    definitions = {},
    ...root
  } = z.toJSONSchema(schema, { io, target, unrepresentable: "any" }) as Json;
  for (const [id, definition] of Object.entries({ ...($defs as Json), ...(definitions as Json) })) {
    components[id] = toComponentRefs(definition);
  }
  return toComponentRefs(root) as Json;
}

function toComponentRefs(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(toComponentRefs);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      // A component has its name; a second one within is of no use to readers.
      .filter(([key, inner]) => !(key === "id" && typeof inner === "string"))
      .map(([key, inner]) => [
        key,
        key === "$ref" && typeof inner === "string"
          ? inner.replace(/^#\/(\$defs|definitions)\//, "#/components/schemas/")
          : toComponentRefs(inner),
      ]),
  );
}
