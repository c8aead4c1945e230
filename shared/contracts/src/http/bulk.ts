import { z } from "zod";
import { IdempotencyKey, Instant, Uuid } from "../primitives.ts";
import { deadLetterFilters, ParticipantName } from "./dead-letter.ts";
import { defineEndpoint } from "./define.ts";
import { deliveryFilters } from "./delivery.ts";
import { pageOf, pageQuery, timeFilters } from "./page.ts";
import { sagaFilters } from "./saga.ts";

/** As many ids as an operation may name. */
const MAX_IDS = 2_000;
const MAX_RATE = 1_000;
/** How fast an operation goes when nothing is said: beside the load of a shop, and 10,000 within a minute. */
const DEFAULT_RATE = 200;
/** A dry run counts up to this many. */
export const COUNTED_AT_MOST = 1_000_000;
/** As many of what is meant are shown by a dry run, and as many refusals are kept of an operation. */
export const SAMPLE = 20;

export const BulkStatus = z.enum(["RUNNING", "STOPPED", "DONE"]).meta({
  description: "RUNNING goes on after a restart, at whichever replica; STOPPED was stopped by an admin",
});
export type BulkStatus = z.infer<typeof BulkStatus>;

export const BulkOperation = z
  .object({
    id: Uuid,
    action: z.string().meta({ examples: ["RETRY"] }),
    status: BulkStatus,
    total: z.int().meta({ description: "How many there were when it began", examples: [10_000] }),
    done: z.int().meta({ description: "How many have been tried", examples: [4_200] }),
    outcomes: z
      .record(z.string(), z.int())
      .meta({ description: "How many came to what: DONE, or the code of the refusal", examples: [{ DONE: 4_200 }] }),
    refusals: z
      .array(
        z.object({
          id: Uuid,
          code: z.string().meta({ examples: ["SAGA_ENDED"] }),
          detail: z.string().meta({ examples: ["The saga has ended: COMPLETE."] }),
        }),
      )
      .meta({ description: `The first ${SAMPLE} that were refused` }),
    ratePerSecond: z.int().meta({ examples: [DEFAULT_RATE] }),
    by: Uuid.meta({ description: "The admin who began it" }),
    startedAt: Instant,
    updatedAt: Instant,
    finishedAt: Instant.nullable(),
  })
  .meta({ id: "BulkOperation" });
export type BulkOperation = z.infer<typeof BulkOperation>;

/** What a bulk call leads to: without an effect what is meant, else an operation, which continues by itself. */
export const BulkAnswer = z
  .object({
    dryRun: z.boolean(),
    total: z.int().meta({ description: `How many are meant, counted up to ${COUNTED_AT_MOST}`, examples: [10_000] }),
    sample: z
      .array(z.object({ id: Uuid, what: z.string().meta({ examples: ["order …, STUCK in CANCEL_DELIVERY"] }) }))
      .meta({ description: `The first ${SAMPLE} of them, in a dry run` }),
    operation: BulkOperation.nullable().meta({ description: "null in a dry run" }),
  })
  .meta({ id: "BulkAnswer" });
export type BulkAnswer = z.infer<typeof BulkAnswer>;

const bulkBody = <Action extends z.ZodType, Filter extends z.ZodRawShape>(
  action: Action,
  filter: Filter,
  example: string,
) =>
  z
    .strictObject({
      action,
      ids: z
        .array(Uuid)
        .min(1)
        .max(MAX_IDS)
        .optional()
        .meta({ description: "Those with these ids; instead of a filter" }),
      filter: z.strictObject(filter).optional().meta({ description: "All that it finds; `{}` is all there are" }),
      dryRun: z
        .boolean()
        .default(true)
        .meta({ description: "Only count them, and show some: nothing is done unless this is false" }),
      ratePerSecond: z
        .int()
        .min(1)
        .max(MAX_RATE)
        .default(DEFAULT_RATE)
        .meta({ description: "How many a second at most", examples: [DEFAULT_RATE] }),
    })
    .refine(({ ids, filter: given }) => (ids === undefined) !== (given === undefined), {
      message: "give either ids or a filter",
      path: ["ids"],
    })
    .meta({
      examples: [
        { action: example, filter: { from: "2026-11-23T00:00:00Z" }, dryRun: true, ratePerSecond: DEFAULT_RATE },
      ],
    });

const { sort: _sagaSort, ...sagasMeant } = sagaFilters;
const { sort: _deliverySort, ...deliveriesMeant } = deliveryFilters;

const { sort: _deadLetterSort, ...times } = timeFilters;
const deadLettersMeant = { ...deadLetterFilters, ...times };

const headers = {
  "idempotency-key": IdempotencyKey.meta({ description: "The same key gives the operation that it began, again" }),
};
const access = ["admin"] as const;

export const bulkSagas = defineEndpoint({
  name: "bulkSagas",
  service: "orchestrator",
  method: "POST",
  path: "/api/bulk/sagas",
  summary: "Retry or cancel many sagas; a dry run, which is the default, counts them and shows some",
  access,
  headers,
  body: bulkBody(z.enum(["RETRY", "CANCEL"]), sagasMeant, "RETRY"),
  success: { status: 202, schema: BulkAnswer },
});

export const listSagaBulks = defineEndpoint({
  name: "listSagaBulks",
  service: "orchestrator",
  method: "GET",
  path: "/api/bulk/sagas",
  summary: "Bulk operations on sagas, newest first; those that ended more than 30 days ago are forgotten",
  access,
  query: pageQuery({}),
  success: { status: 200, schema: pageOf(BulkOperation) },
});

export const getSagaBulk = defineEndpoint({
  name: "getSagaBulk",
  service: "orchestrator",
  method: "GET",
  path: "/api/bulk/sagas/{id}",
  summary: "How far a bulk operation on sagas is",
  access,
  success: { status: 200, schema: BulkOperation },
  refusals: { NOT_FOUND: "Unknown" },
});

export const stopSagaBulk = defineEndpoint({
  name: "stopSagaBulk",
  service: "orchestrator",
  method: "POST",
  path: "/api/bulk/sagas/{id}/stop",
  summary: "Stop a bulk operation on sagas; what it has done stays",
  access,
  success: { status: 202, schema: BulkOperation },
  refusals: { NOT_FOUND: "Unknown" },
});

export const bulkDeliveries = defineEndpoint({
  name: "bulkDeliveries",
  service: "delivery",
  method: "POST",
  path: "/api/bulk/deliveries",
  summary: "Release the claims of many deliveries; a dry run, which is the default, counts them and shows some",
  access,
  headers,
  body: bulkBody(z.literal("RELEASE"), deliveriesMeant, "RELEASE"),
  success: { status: 202, schema: BulkAnswer },
});

export const listDeliveryBulks = defineEndpoint({
  name: "listDeliveryBulks",
  service: "delivery",
  method: "GET",
  path: "/api/bulk/deliveries",
  summary: "Bulk operations on deliveries, newest first; those that ended more than 30 days ago are forgotten",
  access,
  query: pageQuery({}),
  success: { status: 200, schema: pageOf(BulkOperation) },
});

export const getDeliveryBulk = defineEndpoint({
  name: "getDeliveryBulk",
  service: "delivery",
  method: "GET",
  path: "/api/bulk/deliveries/{id}",
  summary: "How far a bulk operation on deliveries is",
  access,
  success: { status: 200, schema: BulkOperation },
  refusals: { NOT_FOUND: "Unknown" },
});

export const stopDeliveryBulk = defineEndpoint({
  name: "stopDeliveryBulk",
  service: "delivery",
  method: "POST",
  path: "/api/bulk/deliveries/{id}/stop",
  summary: "Stop a bulk operation on deliveries; what it has done stays",
  access,
  success: { status: 202, schema: BulkOperation },
  refusals: { NOT_FOUND: "Unknown" },
});

/** Each service keeps its own dead letters, so an operation on them is one of each that has some. */
export const DeadLetterBulk = BulkOperation.extend({ service: ParticipantName }).meta({ id: "DeadLetterBulk" });
export type DeadLetterBulk = z.infer<typeof DeadLetterBulk>;

const unavailable = z
  .array(ParticipantName)
  .meta({ description: "Services that did not answer; their part is missing" });

export const DeadLetterBulkAnswer = BulkAnswer.omit({ operation: true })
  .extend({
    operations: z.array(DeadLetterBulk).meta({ description: "One of each service that has some; none in a dry run" }),
    unavailable,
  })
  .meta({ id: "DeadLetterBulkAnswer" });
export type DeadLetterBulkAnswer = z.infer<typeof DeadLetterBulkAnswer>;

export const bulkDeadLetters = defineEndpoint({
  name: "bulkDeadLetters",
  service: "participants",
  method: "POST",
  path: "/api/bulk/dead-letters",
  summary: "Replay many dead letters; a dry run, which is the default, counts them and shows some",
  access,
  headers,
  body: bulkBody(z.literal("REPLAY"), deadLettersMeant, "REPLAY"),
  success: { status: 202, schema: DeadLetterBulkAnswer },
});

export const listDeadLetterBulks = defineEndpoint({
  name: "listDeadLetterBulks",
  service: "participants",
  method: "GET",
  path: "/api/bulk/dead-letters",
  summary: "Bulk replays of all services, newest first; those that ended more than 30 days ago are forgotten",
  access,
  query: pageQuery({}),
  success: { status: 200, schema: pageOf(DeadLetterBulk).extend({ unavailable }) },
});

export const getDeadLetterBulk = defineEndpoint({
  name: "getDeadLetterBulk",
  service: "participants",
  method: "GET",
  path: "/api/bulk/dead-letters/{id}",
  summary: "How far a bulk replay is",
  access,
  success: { status: 200, schema: DeadLetterBulk },
  refusals: { NOT_FOUND: "Unknown" },
});

export const stopDeadLetterBulk = defineEndpoint({
  name: "stopDeadLetterBulk",
  service: "participants",
  method: "POST",
  path: "/api/bulk/dead-letters/{id}/stop",
  summary: "Stop a bulk replay; what it has done stays",
  access,
  success: { status: 202, schema: DeadLetterBulk },
  refusals: { NOT_FOUND: "Unknown" },
});
