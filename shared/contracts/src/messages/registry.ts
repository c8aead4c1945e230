import * as audit from "./audit.ts";
import type { MessageDefinition } from "./define.ts";
import * as delivery from "./delivery.ts";
import * as order from "./order.ts";
import * as product from "./product.ts";

/** Every message of the system. */
export const allMessages: readonly MessageDefinition[] = [
  order.OrderCreated,
  order.OrderCancelRequested,
  order.CompleteOrderCommand,
  order.OrderCompleted,
  order.CancelOrderCommand,
  order.OrderCancelled,
  product.DecreaseProductCommand,
  product.ProductDecreased,
  product.IncreaseProductCommand,
  product.ProductIncreased,
  product.ProductChanged,
  product.AnnounceProductsCommand,
  product.ProductsAnnounced,
  delivery.CreateDeliveryCommand,
  delivery.DeliveryCreated,
  delivery.DeliveryCompleted,
  delivery.DeliveryFailed,
  delivery.CancelDeliveryCommand,
  delivery.DeliveryCancelled,
  audit.ReportOrdersCommand,
  audit.OrdersReported,
  audit.ReportReservationsCommand,
  audit.ReservationsReported,
  audit.ReportDeliveriesCommand,
  audit.DeliveriesReported,
];

export const messagesByType: ReadonlyMap<string, MessageDefinition> = new Map(
  allMessages.map((definition) => [definition.type, definition]),
);
