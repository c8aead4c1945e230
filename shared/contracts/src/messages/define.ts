import type { z } from "zod";
import type { ServiceName, Topic } from "../services.ts";

/** A version of a message's data that is read but not sent: an earlier one, or the next one before anybody sends it. */
export interface ReadableVersion<Data = unknown> {
  readonly version: number;
  /** Its schema, which ends in a `.transform` to the data of the version that is sent. */
  readonly data: z.ZodType<Data>;
}

/** One kind of message: its CloudEvents `type`, the topic it travels on, who sends it, and the schema of its data. */
export interface MessageDefinition<Type extends string = string, Data extends z.ZodType = z.ZodType> {
  readonly type: Type;
  readonly topic: Topic;
  readonly sender: ServiceName;
  /** Who has a handler for it. Others that read its topic leave it alone. */
  readonly receivers: readonly ServiceName[];
  /** The version that is sent. Another one is needed when the data changes in a way that an old reader cannot ignore. */
  readonly version: number;
  readonly summary: string;
  readonly data: Data;
  /** Versions that are read beside the one that is sent, while both are around. */
  readonly alsoReads: readonly ReadableVersion<z.infer<Data>>[];
}

export type DataOf<Definition extends MessageDefinition> = z.infer<Definition["data"]>;

export function defineMessage<const Type extends string, Data extends z.ZodType>(
  definition: Omit<MessageDefinition<Type, Data>, "version" | "alsoReads"> & {
    readonly version?: number;
    readonly alsoReads?: readonly ReadableVersion<z.infer<Data>>[];
  },
): MessageDefinition<Type, Data> {
  return { version: 1, alsoReads: [], ...definition };
}
