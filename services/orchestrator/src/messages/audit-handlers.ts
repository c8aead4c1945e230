import { DeliveriesTold, OrdersTold, ReservationsTold } from "@shop/contracts/messages/audit";
import { byType, type MessageHandlers, on } from "@shop/messaging/handlers";
import type { ServiceContext } from "@shop/service/context";
import { hearBooks } from "../use-cases/hear-books.ts";

/** What the other services tell of orders whose books are audited. */
export function auditHandlers(context: Pick<ServiceContext, "clock" | "logger" | "metrics">): MessageHandlers {
  return byType(
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
}
