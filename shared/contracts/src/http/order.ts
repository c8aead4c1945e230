import { z } from "zod";
import { orderSaga } from "../order-saga.ts";
import {
  CancelReason,
  Currency,
  IdempotencyKey,
  lookedUpText,
  Instant,
  ItemToTake,
  MAX_PRICE,
  MAX_QUANTITY,
  Price,
  Quantity,
  text,
  Uuid,
} from "../primitives.ts";
import { defineEndpoint, defineEventStream } from "./define.ts";
import { IdFilter, pageOf, pageQuery, timeFilters } from "./page.ts";
import { SagaStep } from "./saga.ts";

export const OrderStatus = z.enum(["PENDING", "COMPLETE", "CANCELLED"]);
export type OrderStatus = z.infer<typeof OrderStatus>;

export const OrderProgress = z.enum(orderSaga.progress).meta({ description: "Where the saga is, in a word" });
export type OrderProgress = z.infer<typeof OrderProgress>;

export const OrderWaiting = z.object({
  for: z.string().meta({ description: "In words, to be read after “waiting for”", examples: ["a rider"] }),
  until: Instant.nullable().meta({
    description:
      "When the order is cancelled if it still waits; null where it waits for as long as it takes. Once it is past, the shop is late, and the order goes on or is cancelled as soon as it can be",
  }),
});
export type OrderWaiting = z.infer<typeof OrderWaiting>;

/** How many products an order may name. */
const MAX_ITEMS = 50;

export const Total = z
  .int()
  .min(0)
  .max(MAX_ITEMS * MAX_QUANTITY * MAX_PRICE)
  .meta({ description: "In the currency's minor unit", examples: [24_000] });

export const OrderItem = z.object({ productId: Uuid, name: z.string(), unitPrice: Price, quantity: Quantity });
export type OrderItem = z.infer<typeof OrderItem>;

export const Order = z
  .object({
    id: Uuid,
    customerId: Uuid,
    status: OrderStatus,
    progress: OrderProgress,
    waiting: OrderWaiting.nullable().meta({ description: "What the order waits for; null when it has ended" }),
    cancelReason: CancelReason.nullable(),
    items: z.array(OrderItem),
    total: z.int().min(0),
    currency: Currency,
    deliveryAddress: z.string(),
    createdAt: Instant,
    updatedAt: Instant,
  })
  .meta({ id: "Order" });
export type Order = z.infer<typeof Order>;

export const createOrder = defineEndpoint({
  name: "createOrder",
  service: "order",
  method: "POST",
  path: "/api/orders",
  summary: "Place an order",
  access: ["customer"],
  headers: {
    "idempotency-key": IdempotencyKey.meta({
      description: "The same key and body give the first answer again for 24 hours",
    }),
  },
  body: z.strictObject({
    items: z
      .array(z.strictObject(ItemToTake.shape))
      .min(1)
      .max(MAX_ITEMS)
      .superRefine((items, context) => {
        const seen = new Set<string>();
        for (const [index, { productId }] of items.entries()) {
          const id = productId.toLowerCase();
          if (seen.has(id)) {
            context.addIssue({ code: "custom", path: [index, "productId"], message: "stands in the order twice" });
          }
          seen.add(id);
        }
      }),
    deliveryAddress: text(500),
    expectedTotal: Total.optional().meta({
      description: "What the customer was shown: the order is placed at this total or not at all",
    }),
  }),
  success: {
    status: 201,
    schema: Order,
    headers: {
      location: z
        .string()
        .meta({ description: "Where the order is", examples: ["/api/orders/01939e6a-7c00-7000-8000-0000000a0001"] }),
      "idempotency-replayed": z
        .literal("true")
        .optional()
        .meta({ description: "The answer of an earlier call with the same key, given again" }),
    },
  },
  refusals: {
    UNKNOWN_PRODUCT: "A product that is not on sale",
    PRICE_CHANGED: "The order would have another total than `expectedTotal`; nothing was placed",
    IDEMPOTENCY_KEY_REUSED: "The idempotency key was used for another body",
    TOO_MANY_OPEN_ORDERS: "The customer holds as many open orders, or units in them, as one may have",
  },
});

/** By what orders are looked for; all that are given have to be met. */
export const orderFilters = {
  ...timeFilters,
  status: OrderStatus.optional(),
  reason: CancelReason.optional().meta({ description: "Why it was cancelled" }),
  customerId: IdFilter,
  productId: IdFilter,
  q: lookedUpText(200)
    .optional()
    .meta({
      description:
        "Words of the address or of the goods, each of which may be its beginning only; or the number of an order, whole or its last six characters. Found some seconds after the order was placed",
      examples: ["sejong"],
    }),
};

export const listOrders = defineEndpoint({
  name: "listOrders",
  service: "order",
  method: "GET",
  path: "/api/orders",
  summary: "A customer's own orders, or all for an admin",
  access: ["customer", "admin"],
  query: pageQuery(orderFilters),
  success: { status: 200, schema: pageOf(Order) },
});

export const getOrder = defineEndpoint({
  name: "getOrder",
  service: "order",
  method: "GET",
  path: "/api/orders/{id}",
  summary: "One order",
  access: ["customer", "admin"],
  success: { status: 200, schema: Order },
  refusals: { NOT_FOUND: "Unknown, or another customer's" },
});

export const cancelOrder = defineEndpoint({
  name: "cancelOrder",
  service: "order",
  method: "POST",
  path: "/api/orders/{id}/cancel",
  summary: "Ask to cancel; who was first, rider or cancel, decides",
  access: ["customer", "admin"],
  success: { status: 202, schema: Order },
  refusals: { NOT_FOUND: "Unknown, or another customer's", ORDER_ENDED: "The order is COMPLETE or CANCELLED" },
});

export const OrderMilestone = z
  .enum(orderSaga.milestones)
  .meta({ description: "What happened to an order or in its saga" });
export type OrderMilestone = z.infer<typeof OrderMilestone>;

/** How an order's saga stands, as far as the order service hears of it. The orchestrator's own view is `GET /api/sagas`. */
export const SagaOfOrder = z.object({
  status: z.enum(["RUNNING", "COMPENSATING", "COMPLETE", "CANCELLED"]),
  step: SagaStep.nullable().meta({ description: "The step under way, or the last one; null where it is not known" }),
});
export type SagaOfOrder = z.infer<typeof SagaOfOrder>;

export const OrderEvent = z
  .object({
    type: z.enum(["STATE", ...OrderMilestone.options]).meta({
      description: "STATE: how the order is now, first in a stream that resumes after nothing; else what happened",
    }),
    order: Order,
    saga: SagaOfOrder,
  })
  .meta({ id: "OrderEvent" });
export type OrderEvent = z.infer<typeof OrderEvent>;

export const watchOrder = defineEventStream({
  name: "watchOrder",
  service: "order",
  path: "/api/orders/{id}/events",
  summary: "The state of an order now, then every change of it and its saga until the last one",
  access: ["customer", "admin"],
  event: OrderEvent,
  refusals: {
    NOT_FOUND: "Unknown, or another customer's",
    TOO_MANY_STREAMS: "The caller has as many event streams open, of this order or in all, as one may have",
  },
});
