import { z } from "zod";
import { Instant, lookedUpText, text, Uuid } from "../primitives.ts";
import { defineEndpoint, roles } from "./define.ts";
import { IdFilter, NO_INDEX, pageOf, pageQuery, timeFilters } from "./page.ts";

export const DeliveryStatus = z.enum(["PENDING", "COMPLETE", "CANCELLED", "FAILED"]);
export type DeliveryStatus = z.infer<typeof DeliveryStatus>;

export const Delivery = z
  .object({
    id: Uuid,
    orderId: Uuid,
    status: DeliveryStatus,
    deliveryAddress: z.string(),
    riderId: Uuid.nullable(),
    failReason: z.string().nullable(),
    createdAt: Instant,
    completedAt: Instant.nullable(),
  })
  .meta({ id: "Delivery" });
export type Delivery = z.infer<typeof Delivery>;

/** By what deliveries are looked for; all that are given have to be met. */
export const deliveryFilters = {
  ...timeFilters,
  status: DeliveryStatus.optional(),
  customerId: IdFilter,
  riderId: IdFilter.meta({ description: `Whose rider this is, or was in the end. ${NO_INDEX}` }),
};

export const listDeliveries = defineEndpoint({
  name: "listDeliveries",
  service: "delivery",
  method: "GET",
  path: "/api/deliveries",
  summary: "Deliveries; a customer sees those of their own orders",
  access: roles,
  query: pageQuery({
    ...deliveryFilters,
    orderId: IdFilter,
    failReason: lookedUpText(100)
      .optional()
      .meta({ description: `Part of the reason that its rider gave. ${NO_INDEX}` }),
  }),
  success: { status: 200, schema: pageOf(Delivery) },
});

export const getDelivery = defineEndpoint({
  name: "getDelivery",
  service: "delivery",
  method: "GET",
  path: "/api/deliveries/{id}",
  summary: "One delivery",
  access: roles,
  success: { status: 200, schema: Delivery },
  refusals: { NOT_FOUND: "Unknown, or of another customer's order" },
});

const refusedWhenTakenOrEnded = {
  NOT_FOUND: "Unknown",
  DELIVERY_TAKEN: "Another rider has it",
  DELIVERY_ENDED: "It has ended otherwise",
} as const;

export const claimDelivery = defineEndpoint({
  name: "claimDelivery",
  service: "delivery",
  method: "PUT",
  path: "/api/deliveries/{id}/claim",
  summary: "Take a waiting delivery",
  access: ["rider"],
  success: { status: 200, schema: Delivery },
  refusals: refusedWhenTakenOrEnded,
});

export const releaseDelivery = defineEndpoint({
  name: "releaseDelivery",
  service: "delivery",
  method: "DELETE",
  path: "/api/deliveries/{id}/claim",
  summary: "Give a claimed delivery back to all riders",
  access: ["rider", "admin"],
  success: { status: 200, schema: Delivery },
  refusals: refusedWhenTakenOrEnded,
});

export const completeDelivery = defineEndpoint({
  name: "completeDelivery",
  service: "delivery",
  method: "PUT",
  path: "/api/deliveries/{id}/complete",
  summary: "The goods are with the customer; the order becomes COMPLETE",
  access: ["rider"],
  success: { status: 200, schema: Delivery },
  refusals: refusedWhenTakenOrEnded,
});

export const failDelivery = defineEndpoint({
  name: "failDelivery",
  service: "delivery",
  method: "PUT",
  path: "/api/deliveries/{id}/fail",
  summary: "The delivery cannot be made; the order is cancelled",
  access: ["rider"],
  body: z.strictObject({ reason: text(500) }),
  success: { status: 200, schema: Delivery },
  refusals: { ...refusedWhenTakenOrEnded, DELIVERY_NOT_YOURS: "Nobody has claimed it" },
});
