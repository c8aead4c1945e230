import { DeliveriesReported, OrdersReported, ReservationsReported } from "@shop/contracts/messages/audit";
import { byType, keysOf, type MessageHandlers, on, withLocks } from "@shop/messaging/inbox/handlers";
import type { ServiceContext } from "@shop/service/context";
import { lockFreeRounds } from "../db/audits.ts";
import { recordAuditReport } from "../use-cases/record-audit-report.ts";

/** Reports of the other services on audited orders. */
export function auditHandlers(context: Pick<ServiceContext, "clock" | "logger" | "metrics">): MessageHandlers {
  const handlers = byType(
    on(OrdersReported, async (tx, messages) => {
      for (const { data } of messages) await recordAuditReport(tx, context, data.auditId, { orders: data.orders });
      return [];
    }),
    on(ReservationsReported, async (tx, messages) => {
      for (const { data } of messages)
        await recordAuditReport(tx, context, data.auditId, { reservations: data.reservations });
      return [];
    }),
    on(DeliveriesReported, async (tx, messages) => {
      for (const { data } of messages)
        await recordAuditReport(tx, context, data.auditId, { deliveries: data.deliveries });
      return [];
    }),
  );
  return withLocks(handlers, { lockedKeys: (tx, messages) => lockFreeRounds(tx, keysOf(messages)) });
}
