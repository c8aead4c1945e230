import { DeliveriesTold, OrdersTold, ReservationsTold } from "@shop/contracts/messages/audit";
import { byType, keysOf, type MessageHandlers, on } from "@shop/messaging/handlers";
import type { ServiceContext } from "@shop/service/context";
import { lockFreeRounds } from "../db/audits.ts";
import { hearBooks } from "../use-cases/hear-books.ts";

/** What the other services tell of orders whose books are audited. */
export function auditHandlers(context: Pick<ServiceContext, "clock" | "logger" | "metrics">): MessageHandlers {
  const handlers = byType(
    on(OrdersTold, async (tx, messages) => {
      for (const { data } of messages) await hearBooks(tx, context, data.auditId, { orders: data.orders });
      return [];
    }),
    on(ReservationsTold, async (tx, messages) => {
      for (const { data } of messages) await hearBooks(tx, context, data.auditId, { reservations: data.reservations });
      return [];
    }),
    on(DeliveriesTold, async (tx, messages) => {
      for (const { data } of messages) await hearBooks(tx, context, data.auditId, { deliveries: data.deliveries });
      return [];
    }),
  );
  return { ...handlers, lockedKeys: (tx, messages) => lockFreeRounds(tx, keysOf(messages)) };
}
