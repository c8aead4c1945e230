import {
  CancelDeliveryCommand,
  CreateDeliveryCommand,
  DeliveryCancelled,
  DeliveryCompleted,
  DeliveryCreated,
  DeliveryFailed,
} from "@shop/contracts/messages/delivery";
import {
  CancelOrderCommand,
  CompleteOrderCommand,
  OrderCancelled,
  OrderCancelRequested,
  OrderCompleted,
  OrderCreated,
  type OrderSnapshot,
} from "@shop/contracts/messages/order";
import {
  DecreaseProductCommand,
  type DecreaseRefusal,
  IncreaseProductCommand,
  ProductDecreased,
  ProductIncreased,
} from "@shop/contracts/messages/product";
import { CancelReason } from "@shop/contracts/primitives";
import {
  cancelled,
  cancelRequest,
  command,
  commandWithReason,
  defineSaga,
  refused,
  type RetryPolicy,
  succeeded,
  tooLate,
  when,
} from "../saga/definition.ts";

const SECOND = 1_000;
const MINUTE = 60 * SECOND;

/** A participant that is up answers within milliseconds; one that is down is back within minutes, or the order is cancelled. */
const replyPolicy: RetryPolicy = { firstMs: 5 * SECOND, maxMs: MINUTE, deadlineMs: 10 * MINUTE };
/** A rider may take hours. Asking for the delivery again brings back what the rider did, should its message have been lost. */
const riderPolicy: RetryPolicy = { firstMs: 10 * MINUTE, maxMs: 60 * MINUTE, deadlineMs: null };

/**
 * The saga of an order: take the stock, create the delivery, wait for the rider, complete the order.
 * When the stock falls short, the delivery fails, or the customer cancels before the rider is there,
 * the completed steps are compensated in reverse order and the order is cancelled.
 * Everything that shows these steps derives from here: `bun run generate:saga` after a change.
 */
export const orderSaga = defineSaga<OrderSnapshot, CancelReason>({
  name: "order",
  version: 1,
  keyField: "orderId",
  reasons: CancelReason.options,
  remedy: (orderId) => `bun run shop why ${orderId}`,
  begins: OrderCreated,
  cancels: cancelRequest(OrderCancelRequested, ({ reason }) => reason),

  compensatable: [
    {
      name: "DECREASE_PRODUCT",
      waitsFor: "the shop's stock",
      milestone: "STOCK_TAKEN",
      refusedMilestone: "STOCK_REFUSED",
      send: command(DecreaseProductCommand, ({ orderId, items }) => ({ orderId, items })),
      replies: [
        when(ProductDecreased, (stock) =>
          stock.result === "SUCCESS" ? succeeded() : refused(cancelReason(stock.reason)),
        ),
      ],
      retryPolicy: replyPolicy,
      compensation: {
        name: "INCREASE_PRODUCT",
        milestone: "STOCK_RETURNED",
        send: command(IncreaseProductCommand, ({ orderId }) => ({ orderId })),
        replies: [when(ProductIncreased, succeeded)],
        retryPolicy: replyPolicy,
      },
    },
    {
      name: "CREATE_DELIVERY",
      waitsFor: "a delivery to be arranged",
      milestone: "WAITING_FOR_RIDER",
      send: command(CreateDeliveryCommand, ({ orderId, customerId, deliveryAddress }) => ({
        orderId,
        customerId,
        deliveryAddress,
      })),
      replies: [when(DeliveryCreated, succeeded)],
      retryPolicy: replyPolicy,
      compensation: {
        name: "CANCEL_DELIVERY",
        milestone: "DELIVERY_CANCELLED",
        send: command(CancelDeliveryCommand, ({ orderId, customerId, deliveryAddress }) => ({
          orderId,
          customerId,
          deliveryAddress,
        })),
        replies: [
          when(DeliveryCancelled, (delivery) => (delivery.result === "SUCCESS" ? succeeded() : tooLate())),
          when(DeliveryFailed, succeeded),
          when(DeliveryCompleted, tooLate),
        ],
        retryPolicy: replyPolicy,
      },
    },
  ],

  pivot: {
    name: "WAIT_FOR_RIDER",
    waitsFor: "a rider",
    milestone: "DELIVERED",
    refusedMilestone: "DELIVERY_FAILED",
    passed: "The order has been delivered, and a delivery cannot be reverted",
    remind: command(CreateDeliveryCommand, ({ orderId, customerId, deliveryAddress }) => ({
      orderId,
      customerId,
      deliveryAddress,
    })),
    replies: [when(DeliveryCompleted, succeeded), when(DeliveryFailed, () => refused("DELIVERY_FAILED"))],
    retryPolicy: riderPolicy,
  },

  retriable: [
    {
      name: "COMPLETE_ORDER",
      waitsFor: "the order to be closed: it has been delivered",
      milestone: "COMPLETE",
      send: command(CompleteOrderCommand, ({ orderId }) => ({ orderId })),
      replies: [when(OrderCompleted, succeeded)],
      retryPolicy: replyPolicy,
    },
  ],

  cancelled: {
    name: "CANCEL_ORDER",
    waitsFor: "the order to be cancelled, unless a rider was first",
    milestone: "CANCELLED",
    send: commandWithReason(CancelOrderCommand, ({ orderId }, reason) => ({ orderId, reason })),
    replies: [when(OrderCancelled, ({ reason }) => cancelled(reason))],
    retryPolicy: replyPolicy,
  },
});

/** `ALREADY_RETURNED` comes only after the saga itself has given the stock back, so it is never the first reason. */
function cancelReason(refusal: DecreaseRefusal): CancelReason {
  return refusal === "ALREADY_RETURNED" ? "TIMED_OUT" : refusal;
}
