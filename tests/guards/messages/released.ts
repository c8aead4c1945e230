import { allMessages } from "@shop/contracts/messages/registry";
import type { MessageDefinition } from "@shop/contracts/messages/define";
import type { Topic } from "@shop/contracts/services";
import { join } from "node:path";
import { z } from "zod";
import { REPOSITORY } from "../repository.ts";

/** A JSON Schema (draft 2020-12), or a part of one. */
export type JsonSchema = { readonly [keyword: string]: unknown };

/** What of a message others rely on: where it travels, and the data of each version that is read. */
export interface ReleasedMessage {
  readonly topic: Topic;
  readonly versions: Readonly<Record<string, JsonSchema>>;
}
export type ReleasedMessages = Readonly<Record<string, ReleasedMessage>>;

/** The messages of the last release: what may lie in a topic or an outbox, and what a replica of that release can read. */
export const RELEASED_FILE = "shared/contracts/released/messages.json";

export async function readReleased(): Promise<ReleasedMessages> {
  return (await Bun.file(join(REPOSITORY, RELEASED_FILE)).json()) as ReleasedMessages;
}

/** The messages as the code has them now, in the form in which they are released. */
export function currentMessages(definitions: readonly MessageDefinition[] = allMessages): ReleasedMessages {
  const byName = definitions.toSorted((one, other) => one.type.localeCompare(other.type, "en"));
  return Object.fromEntries(
    byName.map((definition) => {
      const versions = [definition, ...definition.alsoReads].toSorted((one, other) => one.version - other.version);
      const schemas = versions.map(({ version, data }) => [version, z.toJSONSchema(data, { io: "input" })]);
      return [definition.type, { topic: definition.topic, versions: Object.fromEntries(schemas) }];
    }),
  );
}
