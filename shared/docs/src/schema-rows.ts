/** One field of an object, wherever in it the field is. */
export interface SchemaRow {
  /** Such as `items[].quantity`. */
  readonly path: string;
  readonly type: string;
  readonly required: boolean;
  readonly description: string;
}

/** A JSON Schema, as far as it is shown. */
export interface ShownSchema {
  readonly type?: string | readonly string[];
  readonly format?: string;
  readonly description?: string;
  readonly const?: unknown;
  readonly enum?: readonly unknown[];
  readonly anyOf?: readonly ShownSchema[];
  readonly oneOf?: readonly ShownSchema[];
  readonly items?: ShownSchema;
  readonly properties?: Readonly<Record<string, ShownSchema>>;
  readonly required?: readonly string[];
  readonly minItems?: number;
  readonly maxItems?: number;
  readonly minimum?: number;
  readonly maximum?: number;
}

/** The fields of a JSON Schema without references, as a table. What differs from choice to choice of a union is optional. */
export function schemaRows(schema: ShownSchema, prefix = ""): readonly SchemaRow[] {
  const { anyOf, oneOf = anyOf, items, properties = {}, required = [] } = schema;
  if (oneOf !== undefined) return merged(oneOf.map((choice) => schemaRows(choice, prefix)));
  if (items !== undefined) return schemaRows(items, `${prefix}[]`);
  return Object.entries(properties).flatMap(([name, property]) => {
    const path = prefix === "" ? name : `${prefix}.${name}`;
    const { description = "" } = property;
    const row = { path, type: typeOf(property), required: required.includes(name), description };
    return [row, ...schemaRows(property, path)];
  });
}

function merged(choices: readonly (readonly SchemaRow[])[]): readonly SchemaRow[] {
  const byPath = Map.groupBy(choices.flat(), ({ path }) => path);
  return [...byPath].map(([path, rows]) => ({
    path,
    type: [...new Set(rows.map(({ type }) => type))].join(" | "),
    required: rows.length === choices.length && rows.every(({ required }) => required),
    description: rows.find(({ description }) => description !== "")?.description ?? "",
  }));
}

/** Such as `string (uuid)`, `integer, 1 to 1000` or `"SUCCESS" | "FAILURE"`. */
function typeOf(schema: ShownSchema): string {
  const { anyOf, oneOf = anyOf, items, type = "any", format } = schema;
  if (schema.const !== undefined) return JSON.stringify(schema.const);
  if (schema.enum !== undefined) return schema.enum.map((value) => JSON.stringify(value)).join(" | ");
  if (oneOf !== undefined) return [...new Set(oneOf.map(typeOf))].join(" | ");
  if (items !== undefined) return `list of ${typeOf(items)}${bounds(schema.minItems, schema.maxItems)}`;
  return `${[type].flat().join(" | ")}${format === undefined ? "" : ` (${format})`}${bounds(schema.minimum, schema.maximum)}`;
}

/** Bounds that every JSON number has are none. */
function bounds(least = Number.MIN_SAFE_INTEGER, most = Number.MAX_SAFE_INTEGER): string {
  if (least === Number.MIN_SAFE_INTEGER) return "";
  return most === Number.MAX_SAFE_INTEGER ? `, at least ${least}` : `, ${least} to ${most}`;
}
