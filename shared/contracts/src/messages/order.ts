import { z } from "zod";
import { CancelReason, Currency, ItemToTake, Uuid } from "../primitives.ts";
import { defineMessage } from "./define.ts";

/** What the saga needs to know of an order. Both order events carry it, so that either can be the first that the saga hears. */
export const OrderSnapshot = z.object({
  orderId: Uuid,
  customerId: Uuid,
  items: z.array(ItemToTake).min(1).max(50),
  total: z.int().min(0),
  currency: Currency,
  deliveryAddress: z.string(),
});
export type OrderSnapshot = z.infer<typeof OrderSnapshot>;

export const OrderCreated = defineMessage({
  type: "OrderCreated",
  topic: "order.events",
  sender: "order",
  receivers: ["orchestrator"],
  summary: "A customer placed an order; it is PENDING.",
  data: OrderSnapshot,
});

export const OrderCancelRequested = defineMessage({
  type: "OrderCancelRequested",
  topic: "order.events",
  sender: "order",
  receivers: ["orchestrator"],
  summary: "The customer or an admin asked to cancel; the saga decides whether the rider was first.",
  data: OrderSnapshot.extend({ reason: CancelReason }),
});

export const CompleteOrderCommand = defineMessage({
  type: "CompleteOrderCommand",
  topic: "order.commands",
  sender: "orchestrator",
  receivers: ["order"],
  summary: "The delivery is complete: make the order COMPLETE.",
  data: z.object({ orderId: Uuid }),
});

export const OrderCompleted = defineMessage({
  type: "OrderCompleted",
  topic: "order.events",
  sender: "order",
  receivers: ["orchestrator"],
  summary: "The order is COMPLETE.",
  data: z.object({ orderId: Uuid }),
});

export const CancelOrderCommand = defineMessage({
  type: "CancelOrderCommand",
  topic: "order.commands",
  sender: "orchestrator",
  receivers: ["order"],
  summary: "All steps have been compensated: make the order CANCELLED.",
  data: z.object({ orderId: Uuid, reason: CancelReason }),
});

export const OrderCancelled = defineMessage({
  type: "OrderCancelled",
  topic: "order.events",
  sender: "order",
  receivers: ["orchestrator"],
  summary: "The order is CANCELLED.",
  data: z.object({ orderId: Uuid, reason: CancelReason }),
});
