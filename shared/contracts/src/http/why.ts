import { z } from "zod";
import { CancelReason, Instant, Uuid } from "../primitives.ts";
import { DeadLetterCause, ParticipantName } from "./dead-letter.ts";
import { defineEndpoint } from "./define.ts";
import { DeliveryStatus } from "./delivery.ts";
import { OrderMilestone, OrderProgress, OrderStatus } from "./order.ts";
import { SagaHistoryEntry, SagaStatus, SagaStep } from "./saga.ts";

/** Why an order stands where it stands, as one word for programs. */
export const Verdict = z
  .enum([
    "COMPLETE",
    "CANCELLED",
    "IN_PROGRESS",
    "WAITS_FOR_RIDER",
    "WITH_RIDER",
    "NOT_STARTED",
    "DEAD_LETTER",
    "SERVICE_DOWN",
    "SERVICE_IMPAIRED",
    "SERVICE_BEHIND",
    "NO_ANSWER",
    "SAGA_CANNOT_GO_ON",
  ])
  .meta({
    description:
      "IN_PROGRESS: the first answer to the command is still due. NOT_STARTED: the orchestrator has no saga of it. DEAD_LETTER: `service` could not handle a message of it. SERVICE_DOWN: `service` does not answer. SERVICE_IMPAIRED: it lacks something, such as its database. SERVICE_BEHIND: it has unhandled or unpublished messages. NO_ANSWER: it runs and has handled all messages, and has not answered. SAGA_CANNOT_GO_ON: the saga's row or definition is at fault",
  });
export type Verdict = z.infer<typeof Verdict>;

const TraceId = z.string().meta({ examples: ["4bf92f3577b34da6a3ce929d0e0e4736"] });

export const ActionName = z
  .enum([
    "START_SERVICE",
    "LOOK_AT_SERVICE",
    "REPLAY_DEAD_LETTER",
    "RETRY_SAGA",
    "CANCEL_SAGA",
    "CANCEL_ORDER",
    "CLAIM_DELIVERY",
    "COMPLETE_DELIVERY",
    "RELEASE_CLAIM",
    "REPAIR_SAGA",
  ])
  .meta({ description: "REPAIR_SAGA: put the saga's row right, or start a release that can go on with it" });
export type ActionName = z.infer<typeof ActionName>;

export const OrderAction = z.object({
  who: z.enum(["OPERATOR", "RIDER", "CUSTOMER"]),
  action: ActionName,
  target: z
    .string()
    .meta({ description: "The id of what it is done to, or the service's name", examples: ["product"] }),
});
export type OrderAction = z.infer<typeof OrderAction>;

const OrderFacts = z.object({
  status: OrderStatus,
  progress: OrderProgress,
  cancelReason: CancelReason.nullable(),
  createdAt: Instant,
  cancelRequestedAt: Instant.nullable(),
  republishAt: Instant.nullable().meta({ description: "When the saga is sent the order's last message once more" }),
  milestones: z.array(z.object({ type: OrderMilestone, at: Instant })),
});

const SagaFacts = z.object({
  id: Uuid,
  status: SagaStatus,
  step: SagaStep,
  version: z.int().meta({ examples: [1] }),
  reason: CancelReason.nullable(),
  attempts: z.int().meta({ examples: [3] }),
  enteredAt: Instant.meta({ description: "When it came to its step" }),
  awaits: z
    .object({ service: ParticipantName, command: z.string().meta({ examples: ["DecreaseProductCommand"] }) })
    .nullable()
    .meta({ description: "The command whose answer is due, and the service that owes it" }),
  lastSentAt: Instant.nullable().meta({ description: "When the step's command was sent last" }),
  nextAttemptAt: Instant.nullable(),
  deadline: Instant.nullable(),
  stuckSince: Instant.nullable(),
  isKnownVersion: z.boolean().meta({ description: "Whether this release of the orchestrator can go on with it" }),
  traceId: TraceId.nullable(),
  isSampled: z
    .boolean()
    .meta({ description: "Whether the spans of that trace are recorded, where traces are exported" }),
  history: z.array(SagaHistoryEntry),
});
export type SagaFacts = z.infer<typeof SagaFacts>;

const DeliveryFacts = z.object({
  id: Uuid,
  status: DeliveryStatus,
  riderId: Uuid.nullable(),
  failReason: z
    .string()
    .nullable()
    .meta({ examples: [null] }),
  createdAt: Instant,
});

const StockFacts = z.object({
  status: z.enum(["TAKEN", "REFUSED", "RETURNED"]),
  refusal: z
    .string()
    .nullable()
    .meta({ examples: [null] }),
});

const OpenDeadLetter = z.object({
  id: Uuid,
  cause: DeadLetterCause,
  type: z.string().nullable(),
  detail: z.string(),
  failedAt: Instant,
});

/** What a service keeps of an order in its own tables; each gives its own part. */
export const OrderKnowledge = z.object({
  order: OrderFacts.optional(),
  saga: SagaFacts.optional(),
  delivery: DeliveryFacts.optional(),
  stock: StockFacts.optional(),
});
export type OrderKnowledge = z.infer<typeof OrderKnowledge>;

const Answered = OrderKnowledge.extend({
  service: ParticipantName,
  status: z.literal("ANSWERED"),
  problems: z.array(z.string()).meta({ description: "What the service lacks, such as its database", examples: [[]] }),
  unsent: z.int().meta({ description: "Messages in its outbox that are not published" }),
  oldestUnsentSeconds: z.number(),
  lag: z.int().nullable().meta({ description: "Records of its topics that it has not handled; null: not known" }),
  deadLetters: z.array(OpenDeadLetter).meta({ description: "Its open dead letters of this order, oldest first" }),
});
const Silent = z.object({ service: ParticipantName, status: z.literal("DOWN"), detail: z.string() });

export const OrderPart = z.discriminatedUnion("status", [Answered, Silent]);
export type OrderPart = z.infer<typeof OrderPart>;

export const StoryLine = z.object({
  at: Instant,
  lastAt: Instant,
  times: z.int().meta({ examples: [1] }),
  service: ParticipantName.meta({ description: "Who has recorded it" }),
  step: SagaStep.nullable(),
  message: z
    .string()
    .nullable()
    .meta({ examples: ["ProductDecreased"] }),
  what: z.string().meta({ examples: ["on to CREATE_DELIVERY"] }),
});
export type StoryLine = z.infer<typeof StoryLine>;

export const OrderExplanation = z
  .object({
    orderId: Uuid,
    at: Instant,
    verdict: Verdict,
    isStuck: z.boolean(),
    service: ParticipantName.nullable().meta({ description: "Who owes the answer, or could not handle a message" }),
    message: z.string().nullable().meta({ description: "The message that it owes an answer to, or could not handle" }),
    since: Instant.nullable().meta({ description: "Since when it waits" }),
    next: z
      .object({ at: Instant, attempt: z.int().meta({ examples: [4] }), deadline: Instant.nullable() })
      .nullable()
      .meta({ description: "When the command is sent again, which attempt that is, and when the step is given up" }),
    actions: z.array(OrderAction).meta({ description: "Who can do what; empty: nothing needs to be done" }),
    text: z.object({
      happened: z.string().meta({ examples: ["The order was placed at 2026-11-23 04:05:06 UTC."] }),
      waitsFor: z.string().meta({ examples: ["It waits for product to answer DecreaseProductCommand."] }),
      next: z.string().meta({ examples: ["At 2026-11-23 04:05:41 UTC DecreaseProductCommand is sent again."] }),
      who: z.string().meta({ examples: ["An operator can start product."] }),
    }),
    story: z.array(StoryLine).meta({ description: "What happened, oldest first" }),
    traceId: TraceId.nullable().meta({ description: "The trace that began the saga; log lines have it too" }),
    traceUrl: z
      .url()
      .nullable()
      .meta({
        description: "Where the trace is shown; null when the gateway has no TRACE_LINK, or the trace is not sampled",
        examples: ["http://localhost:16686/trace/4bf92f3577b34da6a3ce929d0e0e4736"],
      }),
    services: z.array(OrderPart).meta({ description: "What each service knows of it" }),
  })
  .meta({ id: "OrderExplanation" });
export type OrderExplanation = z.infer<typeof OrderExplanation>;

export const explainOrder = defineEndpoint({
  name: "explainOrder",
  service: "participants",
  method: "GET",
  path: "/api/orders/{id}/why",
  summary: "Why an order stands where it stands: what happened, what it waits for, what comes next, who can act",
  access: ["admin"],
  success: { status: 200, schema: OrderExplanation },
  refusals: { NOT_FOUND: "No service knows the order" },
});
