import { z } from "zod";
import { CancelReason, Currency, Instant, optionalLines, Uuid } from "../primitives.ts";
import { defineEndpoint } from "./define.ts";
import { OrderItem } from "./order.ts";
import { IdFilter, pageOf, pageQuery } from "./page.ts";

export const webhookEvents = ["order.completed", "order.cancelled", "delivery.created"] as const;
export const WebhookEventType = z.enum(webhookEvents);
export type WebhookEventType = z.infer<typeof WebhookEventType>;

const eventOf = <Type extends WebhookEventType, Data extends z.ZodRawShape>(type: Type, data: Data) =>
  z.object({
    type: z.literal(type),
    timestamp: Instant.meta({ description: "When it happened; the header `webhook-timestamp` says when it was sent" }),
    data: z.object({
      orderId: Uuid,
      customerId: Uuid,
      items: z.array(OrderItem),
      total: z.int(),
      currency: Currency,
      ...data,
    }),
  });

/** The body of a webhook, by Standard Webhooks: what happened, when, and what it is about. */
export const WebhookEvent = z.discriminatedUnion("type", [
  eventOf("order.completed", {}),
  eventOf("order.cancelled", { cancelReason: CancelReason }),
  eventOf("delivery.created", { deliveryId: Uuid }),
]);
export type WebhookEvent = z.infer<typeof WebhookEvent>;

const Url = z
  .string()
  .max(2_000)
  .regex(/^https?:\/\/[!-~]+$/, "must be a whole URL that begins with https://")
  .meta({ examples: ["https://erp.example.com/hooks/orders"] });

const Events = z
  .array(WebhookEventType)
  .min(1)
  .refine((events) => new Set(events).size === events.length, { message: "must name each event once" })
  .meta({ uniqueItems: true, examples: [["order.completed", "order.cancelled"]] });

const Description = optionalLines(200);

export const Webhook = z
  .object({
    id: Uuid,
    url: z.string().meta({ examples: ["https://erp.example.com/hooks/orders"] }),
    description: z.string().meta({ examples: ["our bookkeeping"] }),
    events: z.array(WebhookEventType),
    enabled: z.boolean().meta({ description: "false: nothing is recorded for it, and what was recorded waits" }),
    createdAt: Instant,
    updatedAt: Instant,
    pending: z
      .int()
      .min(0)
      .meta({ description: "Events that have not been delivered yet, counted up to 10,000", examples: [2] }),
    dead: z
      .int()
      .min(0)
      .meta({ description: "Events that were given up after a day of retries, counted up to 10,000", examples: [0] }),
  })
  .meta({ id: "Webhook" });
export type Webhook = z.infer<typeof Webhook>;

/** With the secret, which is shown this once. */
export const WebhookWithSecret = Webhook.extend({
  secret: z.string().meta({
    description: "Signs what is sent, by Standard Webhooks. Keep it: it is not shown again",
    examples: ["whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"],
  }),
}).meta({ id: "WebhookWithSecret" });

export const WebhookDeliveryState = z.enum(["PENDING", "DELIVERED", "DEAD"]).meta({
  description: "PENDING is retried with backoff; DEAD waits for a replay, and later events of its order wait behind it",
});
export type WebhookDeliveryState = z.infer<typeof WebhookDeliveryState>;

export const WebhookDelivery = z
  .object({
    id: Uuid.meta({ description: "In the header `webhook-id` as `msg_` and this: the same however often it is sent" }),
    type: WebhookEventType,
    orderId: Uuid,
    state: WebhookDeliveryState,
    at: Instant.meta({ description: "When the event happened" }),
    attempts: z.int().meta({ examples: [1] }),
    nextAttemptAt: Instant.nullable(),
    deliveredAt: Instant.nullable(),
    lastStatus: z
      .int()
      .nullable()
      .meta({ description: "The HTTP status of the last answer", examples: [500] }),
    lastError: z
      .string()
      .nullable()
      .meta({ description: "Why the last attempt failed", examples: ["it answered 500"] }),
  })
  .meta({ id: "WebhookDelivery" });
export type WebhookDelivery = z.infer<typeof WebhookDelivery>;

const access = ["admin"] as const;
const refusals = { NOT_FOUND: "Unknown" } as const;

export const listWebhooks = defineEndpoint({
  name: "listWebhooks",
  service: "order",
  method: "GET",
  path: "/api/webhooks",
  summary: "Addresses that are told what happens to orders, newest first",
  access,
  query: pageQuery({}),
  success: { status: 200, schema: pageOf(Webhook) },
});

export const getWebhook = defineEndpoint({
  name: "getWebhook",
  service: "order",
  method: "GET",
  path: "/api/webhooks/{id}",
  summary: "One webhook",
  access,
  success: { status: 200, schema: Webhook },
  refusals,
});

export const createWebhook = defineEndpoint({
  name: "createWebhook",
  service: "order",
  method: "POST",
  path: "/api/webhooks",
  summary: "Register an address; it is told of events from now on",
  access,
  body: z.strictObject({ url: Url, events: Events, description: Description.default("") }),
  success: {
    status: 201,
    schema: WebhookWithSecret,
    headers: {
      location: z.string().meta({
        description: "Where the webhook is",
        examples: ["/api/webhooks/01939e6a-7c00-7000-8000-000000000010"],
      }),
    },
  },
});

export const changeWebhook = defineEndpoint({
  name: "changeWebhook",
  service: "order",
  method: "PATCH",
  path: "/api/webhooks/{id}",
  summary: "Change a webhook's address, events or description, disable or enable it",
  access,
  body: z.strictObject({ url: Url, events: Events, description: Description, enabled: z.boolean() }).partial(),
  success: { status: 200, schema: Webhook },
  refusals,
});

export const removeWebhook = defineEndpoint({
  name: "removeWebhook",
  service: "order",
  method: "DELETE",
  path: "/api/webhooks/{id}",
  summary: "Remove a webhook with everything that it has not been told yet",
  access,
  success: { status: 204, schema: undefined },
  refusals,
});

export const renewWebhookSecret = defineEndpoint({
  name: "renewWebhookSecret",
  service: "order",
  method: "POST",
  path: "/api/webhooks/{id}/secret",
  summary: "Give a webhook a new secret; for 24 hours the old one signs as well",
  access,
  success: { status: 200, schema: WebhookWithSecret },
  refusals,
});

export const listWebhookDeliveries = defineEndpoint({
  name: "listWebhookDeliveries",
  service: "order",
  method: "GET",
  path: "/api/webhooks/{id}/deliveries",
  summary: "What a webhook was told and is to be told, newest first; delivered ones are kept for three days",
  access,
  query: pageQuery({ state: WebhookDeliveryState.optional(), orderId: IdFilter }),
  success: { status: 200, schema: pageOf(WebhookDelivery) },
  refusals,
});

export const replayWebhook = defineEndpoint({
  name: "replayWebhook",
  service: "order",
  method: "POST",
  path: "/api/webhooks/{id}/replay",
  summary: "Send again what was given up: these, or all of it; a dry run counts them",
  access,
  body: z.strictObject({
    ids: z.array(Uuid).min(1).max(2_000).optional().meta({ description: "Only those with these ids" }),
    dryRun: z.boolean().default(false),
  }),
  success: {
    status: 202,
    schema: z.object({
      dryRun: z.boolean(),
      replayed: z
        .int()
        .min(0)
        .meta({ description: "How many are sent again", examples: [3] }),
    }),
  },
  refusals,
});
