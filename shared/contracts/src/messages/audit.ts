import { z } from "zod";
import { DeliveryStatus } from "../http/delivery.ts";
import { OrderStatus } from "../http/order.ts";
import { CancelReason, ItemToTake, Uuid } from "../primitives.ts";
import { defineMessage } from "./define.ts";

/** As many orders as one round of the audit asks about at most. */
export const AUDIT_ROUND = 500;
/** As many items as they have together at most: told in about 75 characters each they take half of what Kafka takes in a record. */
export const AUDIT_ROUND_ITEMS = 5_000;

const AskedOrders = z.object({ auditId: Uuid, orderIds: z.array(Uuid).min(1).max(AUDIT_ROUND) });

export const TellOrdersCommand = defineMessage({
  type: "TellOrdersCommand",
  topic: "order.commands",
  sender: "orchestrator",
  receivers: ["order"],
  summary: "The books are audited: tell how these orders stand.",
  data: AskedOrders,
});

export const OrdersTold = defineMessage({
  type: "OrdersTold",
  topic: "order.events",
  sender: "order",
  receivers: ["orchestrator"],
  summary: "How orders stand, those that are known.",
  data: z.object({
    auditId: Uuid,
    orders: z.array(z.object({ orderId: Uuid, status: OrderStatus, cancelReason: CancelReason.nullable() })),
  }),
});

export const TellReservationsCommand = defineMessage({
  type: "TellReservationsCommand",
  topic: "product.commands",
  sender: "orchestrator",
  receivers: ["product"],
  summary: "The books are audited: tell what stock these orders hold.",
  data: AskedOrders,
});

export const ReservationsTold = defineMessage({
  type: "ReservationsTold",
  topic: "product.events",
  sender: "product",
  receivers: ["orchestrator"],
  summary: "What stock orders hold, those that hold any.",
  data: z.object({
    auditId: Uuid,
    reservations: z.array(z.object({ orderId: Uuid, items: z.array(ItemToTake) })),
  }),
});

export const TellDeliveriesCommand = defineMessage({
  type: "TellDeliveriesCommand",
  topic: "delivery.commands",
  sender: "orchestrator",
  receivers: ["delivery"],
  summary: "The books are audited: tell how the deliveries of these orders stand.",
  data: AskedOrders,
});

export const DeliveriesTold = defineMessage({
  type: "DeliveriesTold",
  topic: "delivery.events",
  sender: "delivery",
  receivers: ["orchestrator"],
  summary: "How the deliveries of orders stand, those that have one.",
  data: z.object({ auditId: Uuid, deliveries: z.array(z.object({ orderId: Uuid, status: DeliveryStatus })) }),
});
