/** What the processes of the reference send each other: JSON, without an envelope and without headers. */
export interface Message {
  /** A UUID. The inbox knows by it what was handled before. */
  readonly id: string;
  readonly type: MessageType;
  readonly orderId: string;
  readonly productId: number;
  readonly quantity: number;
}

type MessageType = "OrderCreated" | "DecreaseProduct" | "ProductDecreased" | "CreateDelivery" | "DeliveryCreated";

export const TOPICS = [
  "reference.order.events",
  "reference.product.commands",
  "reference.product.events",
  "reference.delivery.commands",
  "reference.delivery.events",
] as const;
export type ReferenceTopic = (typeof TOPICS)[number];

/** A row of the outbox. */
export interface OutboxRow {
  readonly id: string;
  readonly topic: ReferenceTopic;
  /** The order's id: its messages stay in order. */
  readonly key: string;
  readonly payload: string;
}

/** The next message about the same order, as a row of the outbox. */
export function outboxRow(topic: ReferenceTopic, type: MessageType, about: Omit<Message, "id" | "type">): OutboxRow {
  const id = Bun.randomUUIDv7();
  const { orderId, productId, quantity } = about;
  const message: Message = { id, type, orderId, productId, quantity };
  return { id, topic, key: orderId, payload: JSON.stringify(message) };
}

/** Of the rows that a statement was given those that it wrote: it leaves out what the inbox knows. */
export function kept<Row extends { readonly id: string }>(
  rows: readonly Row[],
  written: readonly { readonly id: string }[],
): readonly Row[] {
  const ids = new Set(written.map(({ id }) => id));
  return rows.filter(({ id }) => ids.has(id));
}
