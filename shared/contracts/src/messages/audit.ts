import { z } from "zod";
import { DeliveryStatus } from "../http/delivery.ts";
import { OrderStatus } from "../http/order.ts";
import { CancelReason, ItemToTake, Uuid } from "../primitives.ts";
import { defineMessage } from "./define.ts";

/** Maximum orders per audit round. */
export const AUDIT_ROUND = 500;
/** Maximum items of these orders in total: at about 75 characters each they take half of the largest Kafka record. */
export const AUDIT_ROUND_ITEMS = 5_000;

const AuditQuestion = z.object({ auditId: Uuid, orderIds: z.array(Uuid).min(1).max(AUDIT_ROUND) });

export const ReportOrdersCommand = defineMessage({
  type: "ReportOrdersCommand",
  topic: "order.commands",
  sender: "orchestrator",
  receivers: ["order"],
  summary: "Audit: report the status of these orders.",
  data: AuditQuestion,
});

export const OrdersReported = defineMessage({
  type: "OrdersReported",
  topic: "order.events",
  sender: "order",
  receivers: ["orchestrator"],
  summary: "How orders stand, those that are known.",
  data: z.object({
    auditId: Uuid,
    orders: z.array(z.object({ orderId: Uuid, status: OrderStatus, cancelReason: CancelReason.nullable() })),
  }),
});

export const ReportReservationsCommand = defineMessage({
  type: "ReportReservationsCommand",
  topic: "product.commands",
  sender: "orchestrator",
  receivers: ["product"],
  summary: "Audit: report the stock that these orders hold.",
  data: AuditQuestion,
});

export const ReservationsReported = defineMessage({
  type: "ReservationsReported",
  topic: "product.events",
  sender: "product",
  receivers: ["orchestrator"],
  summary: "What stock orders hold, those that hold any.",
  data: z.object({
    auditId: Uuid,
    reservations: z.array(z.object({ orderId: Uuid, items: z.array(ItemToTake) })),
  }),
});

export const ReportDeliveriesCommand = defineMessage({
  type: "ReportDeliveriesCommand",
  topic: "delivery.commands",
  sender: "orchestrator",
  receivers: ["delivery"],
  summary: "Audit: report the status of the deliveries of these orders.",
  data: AuditQuestion,
});

export const DeliveriesReported = defineMessage({
  type: "DeliveriesReported",
  topic: "delivery.events",
  sender: "delivery",
  receivers: ["orchestrator"],
  summary: "How the deliveries of orders stand, those that have one.",
  data: z.object({ auditId: Uuid, deliveries: z.array(z.object({ orderId: Uuid, status: DeliveryStatus })) }),
});
