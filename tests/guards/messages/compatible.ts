import type { JsonSchema, ReleasedMessages } from "./released.ts";

/** Keywords that say something about data without deciding whether it is valid. */
const ANNOTATIONS = new Set(["$schema", "title", "description", "examples", "default", "deprecated"]);
/** Their values are compared part by part, everything else as a whole. */
const UNIONS = ["oneOf", "anyOf", "allOf"];

/**
 * What keeps replicas of the last release and of this one from reading each other's messages, and this one from reading what lies in topics.
 *
 * Readers ignore properties that they do not know. So within a version a property may come or go if it is optional, and nothing else may
 * change: what is narrower refuses old data, what is wider is refused by old readers.
 * @returns sentences for anyone who changed the message; empty when all is well
 */
export function incompatibilities(released: ReleasedMessages, current: ReleasedMessages): readonly string[] {
  return Object.entries(released).flatMap(([type, message]) => {
    const now = current[type];
    if (now === undefined) return [`${type} is not read any more, but may still lie in ${message.topic}`];
    if (now.topic !== message.topic) return [`${type} has moved from ${message.topic} to ${now.topic}`];
    return Object.entries(message.versions).flatMap(([version, schema]) => {
      const schemaNow = now.versions[version];
      const name = `${type} version ${version}`;
      if (schemaNow === undefined) return [`${name} is not read any more, but may still lie in ${message.topic}`];
      return changes(schema, schemaNow, "data").map((change) => `${name}: ${change}`);
    });
  });
}

function changes(before: JsonSchema, now: JsonSchema, path: string): readonly string[] {
  const keywords = new Set([...Object.keys(before), ...Object.keys(now)]);
  return [...keywords].flatMap((keyword) => {
    if (ANNOTATIONS.has(keyword)) return [];
    const [old, fresh] = [before[keyword], now[keyword]];
    if (keyword === "properties") return propertyChanges(before, now, path);
    if (keyword === "required") return requiredChanges(before, now, path);
    if (keyword === "items" && isSchema(old) && isSchema(fresh)) return changes(old, fresh, `${path}[]`);
    if (UNIONS.includes(keyword) && Array.isArray(old) && Array.isArray(fresh) && old.length === fresh.length)
      return old.flatMap((part: JsonSchema, index) => changes(part, fresh[index] as JsonSchema, `${path}(${index})`));
    if (Bun.deepEquals(old, fresh)) return [];
    return [`${path}: ${keyword} was ${text(old)}, is ${text(fresh)}`];
  });
}

function propertyChanges(before: JsonSchema, now: JsonSchema, path: string): readonly string[] {
  const [old, fresh] = [properties(before), properties(now)];
  return Object.entries(old).flatMap(([name, schema]) => {
    const schemaNow = fresh[name];
    return schemaNow === undefined ? [] : changes(schema, schemaNow, `${path}.${name}`);
  });
}

function requiredChanges(before: JsonSchema, now: JsonSchema, path: string): readonly string[] {
  const [old, fresh] = [required(before), required(now)];
  const missing = [...old].filter((name) => !fresh.has(name));
  const added = [...fresh].filter((name) => !old.has(name));
  return [
    ...missing.map((name) => `${path}.${name} was required, and the readers of the last release still require it`),
    ...added.map((name) => `${path}.${name} is required now, and the messages of the last release may not have it`),
  ];
}

const properties = (schema: JsonSchema) => (schema["properties"] ?? {}) as Readonly<Record<string, JsonSchema>>;
const required = (schema: JsonSchema) => new Set((schema["required"] ?? []) as readonly string[]);
const isSchema = (value: unknown): value is JsonSchema => typeof value === "object" && value !== null;
const text = (value: unknown) => (value === undefined ? "not there" : JSON.stringify(value));
