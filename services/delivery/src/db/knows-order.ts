import type { OrderKnowledge } from "@shop/contracts/http/why";
import type { ReadDatabase } from "@shop/database/reader";
import { eq } from "drizzle-orm";
import { delivery } from "./schema.ts";

/** What the delivery service tells an operator of an order. */
export async function knowsOrder(read: ReadDatabase, orderId: string): Promise<OrderKnowledge> {
  const [row] = await read.select().from(delivery).where(eq(delivery.orderId, orderId));
  if (row === undefined) return {};
  const { id, status, riderId, failReason, createdAt } = row;
  return { delivery: { id, status, riderId, failReason, createdAt: createdAt.toISOString() } };
}
