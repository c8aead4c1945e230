import type { OrderItem } from "@shop/contracts/http/order";
import type { WebhookEvent, WebhookEventType } from "@shop/contracts/http/webhook";
import type { CancelReason } from "@shop/contracts/primitives";

export interface EventToTell {
  readonly type: WebhookEventType;
  readonly at: Date;
  readonly orderId: string;
  readonly deliveryId: string | null;
  readonly order: {
    readonly customerId: string;
    readonly items: OrderItem[];
    readonly total: number;
    readonly currency: "KRW";
    readonly cancelReason: CancelReason | null;
  };
}

/**
 * What a webhook is told. It is made of what never changes afterwards, so it is the same each time.
 * @throws Error for a row that the tables' checks do not allow
 */
export function webhookEventOf({ type, at, orderId, deliveryId, order }: EventToTell): WebhookEvent {
  const { customerId, items, total, currency, cancelReason } = order;
  const timestamp = at.toISOString();
  const data = { orderId, customerId, items, total, currency };
  if (type === "order.completed") return { type, timestamp, data };
  if (type === "order.cancelled" && cancelReason !== null) return { type, timestamp, data: { ...data, cancelReason } };
  if (type === "delivery.created" && deliveryId !== null) return { type, timestamp, data: { ...data, deliveryId } };
  throw new Error(`${type} lacks what belongs to it`);
}
