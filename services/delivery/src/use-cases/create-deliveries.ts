import type { Transaction } from "@shop/database/connect";
import type { ServiceContext } from "@shop/service/context";
import { type DeliveryOfOrder, type DeliveryOrder, storePending } from "../db/deliveries.ts";

/**
 * Stores a delivery that waits for a rider for each order that has none.
 * @returns each order's delivery as it stands now, by order id: one from before may have ended
 */
export async function createDeliveries(
  tx: Transaction,
  { clock, ids }: Pick<ServiceContext, "clock" | "ids">,
  orders: readonly DeliveryOrder[],
): Promise<ReadonlyMap<string, DeliveryOfOrder>> {
  const deliveries = await storePending(
    tx,
    orders.map((order) => ({ ...order, id: ids() })),
    new Date(clock.now()),
  );
  return new Map(deliveries.map((delivery) => [delivery.orderId, delivery]));
}
