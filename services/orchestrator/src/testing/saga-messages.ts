import { DeliveryCompleted, DeliveryCreated } from "@shop/contracts/messages/delivery";
import { OrderCompleted, OrderCreated, type OrderSnapshot } from "@shop/contracts/messages/order";
import { ProductDecreased } from "@shop/contracts/messages/product";
import { type Outgoing, outgoing } from "@shop/messaging/outbox/outgoing";
import { uuidV7 } from "@shop/runtime/ids";

/** The facts of an order that nobody has heard of yet. */
export const newOrder = (): OrderSnapshot => ({
  orderId: uuidV7(),
  customerId: uuidV7(),
  items: [{ productId: uuidV7(), quantity: 1 }],
  total: 1_000,
  currency: "KRW",
  deliveryAddress: "1 Sejong-daero, Seoul",
});

/** What an order's saga hears, in the order of the happy path. */
export const created = (order: OrderSnapshot): Outgoing => outgoing(OrderCreated, order.orderId, order, undefined);
export const stockTaken = ({ orderId }: OrderSnapshot): Outgoing =>
  outgoing(ProductDecreased, orderId, { orderId, result: "SUCCESS" }, undefined);
export const delivery = ({ orderId }: OrderSnapshot): Outgoing =>
  outgoing(DeliveryCreated, orderId, { orderId, deliveryId: uuidV7() }, undefined);
export const delivered = ({ orderId }: OrderSnapshot): Outgoing =>
  outgoing(
    DeliveryCompleted,
    orderId,
    { orderId, deliveryId: uuidV7(), riderId: uuidV7(), completedAt: new Date().toISOString() },
    undefined,
  );
export const completed = ({ orderId }: OrderSnapshot): Outgoing =>
  outgoing(OrderCompleted, orderId, { orderId }, undefined);
