import type { z } from "zod";

export const topics = [
  "order.events",
  "order.commands",
  "product.events",
  "product.commands",
  "delivery.events",
  "delivery.commands",
] as const;
export type Topic = (typeof topics)[number];

export type ServiceName = "user" | "order" | "product" | "delivery" | "orchestrator";

/** One kind of message: its CloudEvents `type`, the topic it travels on, who sends it, and the schema of its data. */
export interface MessageDefinition<Type extends string = string, Data extends z.ZodType = z.ZodType> {
  readonly type: Type;
  readonly topic: Topic;
  readonly sender: ServiceName;
  /** Raised when the data changes in a way that an old reader cannot ignore. */
  readonly version: number;
  readonly summary: string;
  readonly data: Data;
}

export type DataOf<Definition extends MessageDefinition> = z.infer<Definition["data"]>;

export function defineMessage<const Type extends string, Data extends z.ZodType>(
  definition: Omit<MessageDefinition<Type, Data>, "version"> & { version?: number },
): MessageDefinition<Type, Data> {
  return { version: 1, ...definition };
}
