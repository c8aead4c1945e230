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
import { STEP_DEADLINE_MS } from "@shop/contracts/step-deadline";
import type { CancelReason } from "@shop/contracts/primitives";
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
const replyPolicy: RetryPolicy = { firstMs: 5 * SECOND, maxMs: MINUTE, deadlineMs: STEP_DEADLINE_MS };
/** A rider may take hours. Asking for the delivery again brings back what the rider did, should its message have been lost. */
const riderPolicy: RetryPolicy = { firstMs: 10 * MINUTE, maxMs: 60 * MINUTE, deadlineMs: null };

/**
 * The saga of an order: take the stock, create the delivery, wait for the rider, complete the order.
 * When the stock falls short, the delivery fails, or the customer cancels before the rider is there,
 * the completed steps are compensated in reverse order and the order is cancelled.
 */
export const orderSaga = defineSaga<OrderSnapshot>({
  name: "order",
  version: 1,
  begins: OrderCreated,
  cancels: cancelRequest(OrderCancelRequested, ({ reason }) => reason),

  compensatable: [
    {
      name: "DECREASE_PRODUCT",
      send: command(DecreaseProductCommand, ({ orderId, items }) => ({ orderId, items })),
      replies: [
        when(ProductDecreased, (stock) =>
          stock.result === "SUCCESS" ? succeeded() : refused(cancelReason(stock.reason)),
        ),
      ],
      retryPolicy: replyPolicy,
      compensation: {
        name: "INCREASE_PRODUCT",
        send: command(IncreaseProductCommand, ({ orderId }) => ({ orderId })),
        replies: [when(ProductIncreased, succeeded)],
        retryPolicy: replyPolicy,
      },
    },
    {
      name: "CREATE_DELIVERY",
      send: command(CreateDeliveryCommand, ({ orderId, customerId, deliveryAddress }) => ({
        orderId,
        customerId,
        deliveryAddress,
      })),
      replies: [when(DeliveryCreated, succeeded)],
      retryPolicy: replyPolicy,
      compensation: {
        name: "CANCEL_DELIVERY",
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
      send: command(CompleteOrderCommand, ({ orderId }) => ({ orderId })),
      replies: [when(OrderCompleted, succeeded)],
      retryPolicy: replyPolicy,
    },
  ],

  cancelled: {
    name: "CANCEL_ORDER",
    send: commandWithReason(CancelOrderCommand, ({ orderId }, reason) => ({ orderId, reason })),
    replies: [when(OrderCancelled, ({ reason }) => cancelled(reason))],
    retryPolicy: replyPolicy,
  },
});

/** `ALREADY_RETURNED` comes only after the saga itself has given the stock back, so it is never the first reason. */
function cancelReason(refusal: DecreaseRefusal): CancelReason {
  return refusal === "ALREADY_RETURNED" ? "TIMED_OUT" : refusal;
}
