import { z } from "zod";
import { orderSaga } from "../order-saga.ts";
import { CancelReason, Instant, Uuid } from "../primitives.ts";
import { defineEndpoint } from "./define.ts";
import { IdFilter, NO_INDEX, pageOf, pageQuery, timeFilters } from "./page.ts";

export const SagaStatus = z.enum(["RUNNING", "COMPENSATING", "STUCK", "COMPLETE", "CANCELLED"]);
export type SagaStatus = z.infer<typeof SagaStatus>;

export const SagaStep = z.enum(orderSaga.steps);
export type SagaStep = z.infer<typeof SagaStep>;

export const SagaHistoryEntry = z
  .object({
    at: Instant,
    step: SagaStep,
    message: z.string().nullable().meta({ description: "The message that came, or null for a timer or an admin" }),
    detail: z.string(),
    times: z
      .int()
      .min(1)
      .meta({
        description: "How often it has happened, one time after the other: repeated sends are one entry",
        examples: [1],
      }),
    lastAt: Instant.meta({ description: "When it happened last" }),
  })
  .meta({ id: "SagaHistoryEntry" });
export type SagaHistoryEntry = z.infer<typeof SagaHistoryEntry>;

/** As many of the newest entries of its history are shown with a saga. */
export const SHOWN_HISTORY = 20;

export const Saga = z
  .object({
    id: Uuid,
    orderId: Uuid,
    status: SagaStatus,
    step: SagaStep,
    attempts: z.int().meta({ description: "How often the step's command has been sent" }),
    deadline: Instant.nullable(),
    version: z.int().meta({ description: "The version of the saga's definition that it began under" }),
    historyCount: z
      .int()
      .min(0)
      .meta({ description: "How many entries its history has", examples: [4] }),
    history: z.array(SagaHistoryEntry).meta({ description: `The last ${SHOWN_HISTORY} entries, oldest first` }),
  })
  .meta({ id: "Saga" });
export type Saga = z.infer<typeof Saga>;

/** By what sagas are looked for; all that are given have to be met. */
export const sagaFilters = {
  ...timeFilters,
  status: SagaStatus.optional(),
  step: SagaStep.optional(),
  reason: CancelReason.optional().meta({ description: "Why it compensates, or was cancelled" }),
  customerId: IdFilter.meta({ description: `Of this customer's orders. ${NO_INDEX}` }),
  productId: IdFilter.meta({ description: `Of orders with this product. ${NO_INDEX}` }),
};

export const listSagas = defineEndpoint({
  name: "listSagas",
  service: "orchestrator",
  method: "GET",
  path: "/api/sagas",
  summary: "Sagas",
  access: ["admin"],
  query: pageQuery({ ...sagaFilters, orderId: IdFilter }),
  success: { status: 200, schema: pageOf(Saga) },
});

export const getSaga = defineEndpoint({
  name: "getSaga",
  service: "orchestrator",
  method: "GET",
  path: "/api/sagas/{id}",
  summary: "One saga with the end of its history",
  access: ["admin"],
  success: { status: 200, schema: Saga },
  refusals: { NOT_FOUND: "Unknown" },
});

export const listSagaHistory = defineEndpoint({
  name: "listSagaHistory",
  service: "orchestrator",
  method: "GET",
  path: "/api/sagas/{id}/history",
  summary: "All that happened in a saga, newest first",
  access: ["admin"],
  query: pageQuery({}),
  success: { status: 200, schema: pageOf(SagaHistoryEntry) },
  refusals: { NOT_FOUND: "Unknown" },
});

export const SagaPictureStep = z.object({
  name: SagaStep,
  kind: z.enum(["COMPENSATABLE", "PIVOT", "RETRIABLE", "COMPENSATION", "CANCELLATION"]),
  service: z.string().meta({ description: "Who answers its command", examples: ["product"] }),
  command: z.string().meta({ examples: ["DecreaseProductCommand"] }),
  answers: z.array(z.string()).meta({ description: "The messages that can end it", examples: [["ProductDecreased"]] }),
  compensation: SagaStep.nullable().meta({ description: "The step that compensates it" }),
  firstRetryMs: z.int().meta({ examples: [5_000] }),
  maxRetryMs: z.int().meta({ description: "The longest pause between two retries", examples: [60_000] }),
  deadlineMs: z
    .int()
    .nullable()
    .meta({ description: "How long it is retried before it is given up", examples: [600_000] }),
  state: z.enum(["AHEAD", "CURRENT", "STUCK", "PAST"]),
  enteredAt: Instant.nullable(),
  leftAt: Instant.nullable(),
  retries: z.int().meta({ description: "How often its command was sent again", examples: [0] }),
  messages: z
    .array(z.string())
    .meta({ description: "The messages that came in it, or led to it", examples: [["OrderCreated"]] }),
});
export type SagaPictureStep = z.infer<typeof SagaPictureStep>;

export const SagaPicture = z
  .object({
    sagaId: Uuid,
    version: z.int().meta({ examples: [1] }),
    isKnownVersion: z.boolean().meta({ description: "Whether this release has the definition; without it no steps" }),
    reason: CancelReason.nullable().meta({ description: "Why it compensates, or has been cancelled" }),
    nextAttemptAt: Instant.nullable(),
    forward: z.array(SagaPictureStep),
    backward: z.array(SagaPictureStep).meta({ description: "The compensations in the order in which they run" }),
  })
  .meta({ id: "SagaPicture" });
export type SagaPicture = z.infer<typeof SagaPicture>;

export const getSagaPicture = defineEndpoint({
  name: "getSagaPicture",
  service: "orchestrator",
  method: "GET",
  path: "/api/sagas/{id}/picture",
  summary: "The steps of a saga by its definition, with what happened in each: times, retries, messages, compensation",
  access: ["admin"],
  success: { status: 200, schema: SagaPicture },
  refusals: { NOT_FOUND: "Unknown" },
});

export const retrySaga = defineEndpoint({
  name: "retrySaga",
  service: "orchestrator",
  method: "POST",
  path: "/api/sagas/{id}/retry",
  summary: "Ask the current step again at once; its attempts and its deadline begin anew, and it is not stuck any more",
  access: ["admin"],
  success: { status: 202, schema: Saga },
  refusals: {
    NOT_FOUND: "Unknown",
    SAGA_ENDED: "The saga has ended",
    SAGA_CANNOT_GO_ON: "This release cannot go on with it",
  },
});

export const cancelSaga = defineEndpoint({
  name: "cancelSaga",
  service: "orchestrator",
  method: "POST",
  path: "/api/sagas/{id}/cancel",
  summary: "Cancel the order unless it has been delivered; one that is compensating and stuck is retried",
  access: ["admin"],
  success: { status: 202, schema: Saga },
  refusals: {
    NOT_FOUND: "Unknown",
    SAGA_ENDED: "The saga has ended",
    SAGA_PAST_PIVOT: "The order has been delivered",
    SAGA_CANNOT_GO_ON: "This release cannot go on with it",
  },
});
