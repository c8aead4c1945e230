import type { OrderKnowledge } from "@shop/contracts/http/why";
import type { ReadDatabase } from "@shop/database/reader";
import { findOrder } from "./orders.ts";

/** What the order service tells an operator of an order. */
export async function knowsOrder(read: ReadDatabase, orderId: string): Promise<OrderKnowledge> {
  const row = await findOrder(read, orderId, undefined);
  if (row === undefined) return {};
  const { status, progress, cancelReason, changes } = row;
  return {
    order: {
      ...{ status, progress, cancelReason },
      createdAt: row.createdAt.toISOString(),
      cancelRequestedAt: row.cancelRequestedAt?.toISOString() ?? null,
      republishAt: row.republishAt?.toISOString() ?? null,
      milestones: changes.map(({ type, at }) => ({ type, at: new Date(at).toISOString() })),
    },
  };
}
