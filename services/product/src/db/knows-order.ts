import type { OrderKnowledge } from "@shop/contracts/http/why";
import type { ReadDatabase } from "@shop/database/reader";
import { eq } from "drizzle-orm";
import { reservation } from "./schema.ts";

/** What the product service tells an operator of an order. */
export async function knowsOrder(read: ReadDatabase, orderId: string): Promise<OrderKnowledge> {
  const [row] = await read
    .select({ status: reservation.status, refusal: reservation.refusal })
    .from(reservation)
    .where(eq(reservation.orderId, orderId));
  return row === undefined ? {} : { stock: row };
}
