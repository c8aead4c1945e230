import { OrdersReported, ReportOrdersCommand } from "@shop/contracts/messages/audit";
import {
  CancelOrderCommand,
  CompleteOrderCommand,
  OrderCancelled,
  OrderCompleted,
} from "@shop/contracts/messages/order";
import { ProductChanged, ProductsAnnounced } from "@shop/contracts/messages/product";
import type { Transaction } from "@shop/database/connect";
import type { Received } from "@shop/messaging/inbox/decode";
import { byType, keysOf, type MessageHandlers, on, onAny, withLocks } from "@shop/messaging/inbox/handlers";
import { outgoing } from "@shop/messaging/outbox/outgoing";
import type { ServiceContext } from "@shop/service/context";
import { lockFreeEntries, noteAnnouncement, updateCatalogue } from "../db/catalogue.ts";
import { lockFreeOrders, statusesOf } from "../db/orders.ts";
import { endOrders } from "../use-cases/end-orders.ts";
import { updateProgress } from "../use-cases/update-progress.ts";
import { lockMixedBatch } from "./lock-mixed-batch.ts";
import { createdDelivery, milestoneOf, progressEvents } from "./progress-events.ts";

const isChange = ({ type }: Received) => type === ProductChanged.type;
const isAboutOrder = (message: Received) => !isChange(message) && message.type !== ProductsAnnounced.type;

/** What the order service does with messages: the saga's two commands, the catalogue's changes, progress events, and the audit's question. */
export function orderHandlers({ clock }: Pick<ServiceContext, "clock">): MessageHandlers {
  const now = () => new Date(clock.now());

  const handlers = byType(
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

    on(ProductsAnnounced, async (tx, messages) => {
      const newest = messages.at(-1);
      if (newest) await noteAnnouncement(tx, newest.data.products);
      return [];
    }),

    on(ReportOrdersCommand, (tx, messages) =>
      Promise.all(
        messages.map(async ({ key, data: { auditId, orderIds }, traceparent }) =>
          outgoing(OrdersReported, key, { auditId, orders: await statusesOf(tx, orderIds) }, traceparent),
        ),
      ),
    ),

    onAny(progressEvents, (tx, messages) => {
      const told = messages.flatMap((message) => {
        const milestone = milestoneOf(message);
        return milestone === undefined
          ? []
          : [{ orderId: message.key, milestone, deliveryId: createdDelivery(message) }];
      });
      if (told.length > 0) updateProgress(tx, told, now());
      return Promise.resolve([]);
    }),
  );
  return withLocks(handlers, { lockFirst: lockMixedBatch, lockedKeys });
}

/** Locks the orders and the products of the catalogue that a batch changes, as far as that needs no waiting. @returns the keys of the others */
async function lockedKeys(tx: Transaction, messages: readonly Received[]): Promise<ReadonlySet<string>> {
  const [changes, aboutOrders] = [messages.filter(isChange), messages.filter(isAboutOrder)];
  return (await lockFreeOrders(tx, keysOf(aboutOrders))).union(await lockFreeEntries(tx, keysOf(changes)));
}
