import { z } from "zod";
import { Instant, lookedUpText, Uuid } from "../primitives.ts";
import { participants } from "../services.ts";
import { defineEndpoint } from "./define.ts";
import { Cursor, pageOf, pageQuery, timeFilters } from "./page.ts";

/** The services that take part in the messaging: each keeps the messages that it could not handle. */
export const ParticipantName = z.enum(participants);
export type ParticipantName = z.infer<typeof ParticipantName>;

/** Why a message is a dead letter. Behind HANDLER_FAILED and PROCESS_KILLED the later messages of the same key wait: they are PARKED. */
export const DeadLetterCause = z.enum([
  "EMPTY",
  "NO_KEY",
  "NOT_JSON",
  "NOT_A_CLOUD_EVENT",
  "UNKNOWN_TYPE",
  "UNKNOWN_VERSION",
  "WRONG_TOPIC",
  "INVALID_DATA",
  "REFUSED",
  "HANDLER_FAILED",
  "PROCESS_KILLED",
  "PARKED",
]);
export type DeadLetterCause = z.infer<typeof DeadLetterCause>;

export const DeadLetter = z
  .object({
    id: Uuid,
    service: ParticipantName,
    cause: DeadLetterCause,
    detail: z.string(),
    type: z.string().nullable(),
    messageId: z.string().nullable(),
    topic: z.string(),
    partition: z.int(),
    offset: z.string().meta({ description: "A whole number that may be too large for a JSON number" }),
    key: z.string().nullable(),
    payload: z
      .object({
        encoding: z.enum(["utf-8", "base64"]),
        text: z.string(),
        bytes: z.int().meta({ description: "The size of the whole payload; `text` may hold its beginning only" }),
      })
      .nullable(),
    headers: z.record(z.string(), z.string()),
    failedAt: Instant,
    replayedAt: Instant.nullable(),
  })
  .meta({ id: "DeadLetter" });
export type DeadLetter = z.infer<typeof DeadLetter>;

export const DeadLetterState = z
  .enum(["OPEN", "HANDLED"])
  .meta({ description: "Whether it still waits to be handled" });
export type DeadLetterState = z.infer<typeof DeadLetterState>;

/** By what dead letters are looked for beside time; all that are given have to be met. */
export const deadLetterFilters = {
  service: ParticipantName.optional(),
  cause: DeadLetterCause.optional(),
  key: lookedUpText(200).optional().meta({ description: "An order's id, or a product's" }),
};

export const listDeadLetters = defineEndpoint({
  name: "listDeadLetters",
  service: "participants",
  method: "GET",
  path: "/api/dead-letters",
  summary: "Messages that could not be handled, of all services",
  access: ["admin"],
  query: pageQuery({ ...deadLetterFilters, ...timeFilters, state: DeadLetterState.optional() }),
  success: {
    status: 200,
    schema: pageOf(DeadLetter).extend({
      unavailable: z
        .array(ParticipantName)
        .meta({ description: "Services that did not answer; their dead letters are missing" }),
    }),
  },
});

export const ReplayOutcome = z.enum(["APPLIED", "KNOWN", "NOT_HANDLED", "UNREADABLE", "REFUSED", "FAILED"]).meta({
  description:
    "APPLIED: handled now. KNOWN: had been handled before. NOT_HANDLED: this service has no use for its type. UNREADABLE, REFUSED, FAILED: still a dead letter, `detail` says why; messages wait behind UNREADABLE and FAILED, not behind REFUSED.",
});
export type ReplayOutcome = z.infer<typeof ReplayOutcome>;

export const replayDeadLetter = defineEndpoint({
  name: "replayDeadLetter",
  service: "participants",
  method: "POST",
  path: "/api/dead-letters/{id}/replay",
  summary: "Handle a message again, in the service that could not; a dry run tells what would come of it",
  access: ["admin"],
  body: z.strictObject({ dryRun: z.boolean().default(false) }),
  success: {
    status: 202,
    schema: z.object({
      id: Uuid,
      service: ParticipantName,
      dryRun: z.boolean(),
      outcome: ReplayOutcome,
      detail: z.string().nullable(),
      released: z.int().meta({ description: "How many messages that waited behind it were settled with it" }),
    }),
  },
  refusals: {
    NOT_FOUND: "Unknown",
    DEAD_LETTER_REPLAYED: "Replayed already",
    DEAD_LETTER_WAITS: "It waits behind another one, which `detail` names",
  },
});

export const ReplayedMany = z.object({
  dryRun: z.boolean(),
  outcomes: z
    .partialRecord(ReplayOutcome, z.int())
    .meta({ description: "How many messages came to what; those behind one that failed were not tried" }),
  nextCursor: z
    .string()
    .nullable()
    .meta({ description: "Where to go on when there was more than one call has time for" }),
  unavailable: z
    .array(ParticipantName)
    .meta({ description: "Services that did not answer; what they have done is not counted" }),
});
export type ReplayedMany = z.infer<typeof ReplayedMany>;

export const replayDeadLetters = defineEndpoint({
  name: "replayDeadLetters",
  service: "participants",
  method: "POST",
  path: "/api/dead-letters/replay",
  summary: "Handle many messages again, oldest first and each key's in order; a dry run tells what would come of it",
  access: ["admin"],
  body: z.strictObject({
    ...deadLetterFilters,
    ids: z.array(Uuid).min(1).max(2_000).optional().meta({ description: "Only those with these ids" }),
    cursor: Cursor.optional().meta({ description: "`nextCursor` of the call before, which goes on behind it" }),
    dryRun: z.boolean().default(false),
  }),
  success: {
    status: 202,
    schema: ReplayedMany,
  },
});
