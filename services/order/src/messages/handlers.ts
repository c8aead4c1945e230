import type { OrderProgress } from "@shop/contracts/http/order";
import { DeliveryCompleted, DeliveryCreated, DeliveryFailed } from "@shop/contracts/messages/delivery";
import {
  CancelOrderCommand,
  CompleteOrderCommand,
  OrderCancelled,
  OrderCompleted,
} from "@shop/contracts/messages/order";
import { ProductChanged, ProductDecreased } from "@shop/contracts/messages/product";
import type { Transaction } from "@shop/database/connect";
import type { Received } from "@shop/messaging/decode";
import { byType, type MessageHandlers, on } from "@shop/messaging/handlers";
import { outgoing } from "@shop/messaging/outgoing";
import type { ServiceContext } from "@shop/service/context";
import { updateCatalogue } from "../db/catalogue.ts";
import { endOrders } from "../use-cases/end-orders.ts";
import { noteProgress } from "../use-cases/note-progress.ts";

/** What the order service does with messages: the saga's two commands, the catalogue's changes, and news for the customer. */
export function orderHandlers({ clock }: Pick<ServiceContext, "clock">): MessageHandlers {
  const now = () => new Date(clock.now());
  const note = async (tx: Transaction, messages: readonly Received[], progress: OrderProgress) => {
    if (messages.length > 0)
      await noteProgress(
        tx,
        messages.map(({ key }) => key),
        progress,
        now(),
      );
    return [];
  };

  return byType(
    on(CompleteOrderCommand, async (tx, messages) => {
      await endOrders(
        tx,
        "COMPLETE",
        messages.map(({ data: { orderId } }) => ({ orderId, reason: null })),
        now(),
      );
      return messages.map(({ data: { orderId }, traceparent }) =>
        outgoing(OrderCompleted, orderId, { orderId }, traceparent),
      );
    }),

    on(CancelOrderCommand, async (tx, messages) => {
      const reasons = await endOrders(
        tx,
        "CANCELLED",
        messages.map(({ data }) => data),
        now(),
      );
      return messages.map(({ data: { orderId, reason }, traceparent }) =>
        outgoing(OrderCancelled, orderId, { orderId, reason: reasons.get(orderId) ?? reason }, traceparent),
      );
    }),

    on(ProductChanged, async (tx, messages) => {
      await updateCatalogue(
        tx,
        messages.map(({ data }) => data),
      );
      return [];
    }),

    on(ProductDecreased, async (tx, messages) => {
      await note(
        tx,
        messages.filter(({ data }) => data.result === "SUCCESS"),
        "STOCK_TAKEN",
      );
      return note(
        tx,
        messages.filter(({ data }) => data.result === "FAILURE"),
        "CANCELLING",
      );
    }),
    on(DeliveryCreated, (tx, messages) => note(tx, messages, "WAITING_FOR_RIDER")),
    on(DeliveryCompleted, (tx, messages) => note(tx, messages, "DELIVERED")),
    on(DeliveryFailed, (tx, messages) => note(tx, messages, "CANCELLING")),
  );
}
