import type { Transaction } from "@shop/database/connect";
import type { ServiceContext } from "@shop/service/context";
import { type DeliveryOfOrder, type DeliveryOrder, storeCancelled } from "../db/deliveries.ts";

/**
 * Cancels each order's delivery unless a rider ended it first. For an order that has none yet it leaves one that is cancelled,
 * so that a command to create it that comes late finds it so.
 * @returns each order's delivery as it stands now, by order id
 */
export async function cancelDeliveries(
  tx: Transaction,
  { clock, ids }: Pick<ServiceContext, "clock" | "ids">,
  orders: readonly DeliveryOrder[],
): Promise<ReadonlyMap<string, DeliveryOfOrder>> {
  const deliveries = await storeCancelled(
    tx,
    orders.map((order) => ({ ...order, id: ids() })),
    new Date(clock.now()),
  );
  return new Map(deliveries.map((delivery) => [delivery.orderId, delivery]));
}
