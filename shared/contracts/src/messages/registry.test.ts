import { expect, test } from "bun:test";
import { join } from "node:path";
import { allEndpoints } from "../http/endpoints.ts";
import { topicAccess } from "./access.ts";
import { allMessages } from "./registry.ts";
import { topics } from "../services.ts";

/** What the modules of a folder export, but for the one that lists them. */
async function exportsIn(folder: "http" | "messages", list: string): Promise<readonly unknown[]> {
  const root = join(import.meta.dir, "..", folder);
  const files = await Array.fromAsync(new Bun.Glob("*.ts").scan(root));
  const modules = files.filter((file) => file !== list && !file.endsWith(".test.ts"));
  const loaded = await Promise.all(
    modules.map((file) => import(join(root, file)) as Promise<Readonly<Record<string, unknown>>>),
  );
  return loaded.flatMap((module) => Object.values(module));
}

test("every message that a file defines is registered, or its receivers would not know it", async () => {
  const defined = (await exportsIn("messages", "registry.ts")).filter(
    (value) => typeof value === "object" && value !== null && "topic" in value,
  );
  expect(defined.length).toBeGreaterThan(10);
  expect(new Set<unknown>(allMessages)).toEqual(new Set(defined));
  expect(new Set(allMessages.map(({ type }) => type)).size).toBe(allMessages.length);
});

test("every topic has one service that writes it, so that its topic shows who sent a message", () => {
  const writers = topics.map((topic) => [
    topic,
    topicAccess.filter(({ writes }) => writes.includes(topic)).map(({ service }) => service),
  ]);
  expect(writers).toEqual(topics.map((topic) => [topic, [expect.any(String)]]));
});

test("every call that a file defines is registered, or the gateway would not know it", async () => {
  const defined = (await exportsIn("http", "endpoints.ts")).filter(
    (value): value is { name: string } => typeof value === "object" && value !== null && "access" in value,
  );
  // By name: what is wrong with a whole definition takes half a minute to print.
  expect(allEndpoints.map(({ name }) => name).toSorted()).toEqual(defined.map(({ name }) => name).toSorted());
  expect(new Set(allEndpoints.map(({ name }) => name)).size).toBe(allEndpoints.length);
});
