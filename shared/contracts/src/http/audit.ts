import { z } from "zod";
import { Instant, lookedUpText, Uuid } from "../primitives.ts";
import { participants } from "../services.ts";
import { defineEndpoint, roles } from "./define.ts";
import { pageOf, pageQuery } from "./page.ts";

/** What is written to an audit trail, by the service that does it. */
export const AuditAction = z
  .enum([
    "SIGNED_UP",
    "LOGIN_SUCCEEDED",
    "LOGIN_FAILED",
    "LOGGED_OUT",
    "REFRESH_TOKEN_REUSED",
    "USER_CHANGED",
    "USER_INVITED",
    "PASSWORD_CODE_ISSUED",
    "PASSWORD_RESET",
    "PASSWORD_CHANGED",
    "SESSIONS_ENDED",
    "SECOND_FACTOR_ACTIVATED",
    "SECOND_FACTOR_REMOVED",
    "RECOVERY_CODES_RENEWED",
    "RECOVERY_CODE_USED",
    "SIGNING_KEY_ROTATED",
    "ORDER_CANCEL_REQUESTED",
    "PRODUCT_CREATED",
    "PRODUCT_CHANGED",
    "PRODUCT_WITHDRAWN",
    "STOCK_CHANGED",
    "DELIVERY_CLAIMED",
    "DELIVERY_RELEASED",
    "DELIVERY_FAILED",
    "SAGA_RETRIED",
    "SAGA_CANCELLED",
    "BULK_STARTED",
    "BULK_STOPPED",
    "BULK_CARRIED_OUT",
    "DEAD_LETTER_REPLAYED",
    "WEBHOOK_REGISTERED",
    "WEBHOOK_CHANGED",
    "WEBHOOK_REMOVED",
    "WEBHOOK_SECRET_RENEWED",
    "WEBHOOK_REPLAYED",
    "LIST_EXPORTED",
  ])
  .meta({ description: "What was done" });
export type AuditAction = z.infer<typeof AuditAction>;

/** The services, each of which keeps a trail of its own. */
export const AuditedService = z.enum(["user", ...participants]);
export type AuditedService = z.infer<typeof AuditedService>;

const Hash = z
  .string()
  .regex(/^[0-9a-f]{64}$/)
  .meta({ examples: ["9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"] });
const State = z
  .record(z.string(), z.unknown())
  .nullable()
  .meta({ examples: [{ role: "rider" }] });

export const AuditEntry = z
  .object({
    id: Uuid,
    service: AuditedService.meta({ description: "Whose trail it is: each service has its own" }),
    seq: z
      .int()
      .min(1)
      .meta({ examples: [42], description: "1, 2, 3 … in the order of the commits, without a gap" }),
    at: Instant,
    action: AuditAction,
    actor: z
      .object({ id: Uuid, role: z.enum(roles) })
      .nullable()
      .meta({ description: "Who did it; null: the system, or a caller who has not shown who they are" }),
    subject: z
      .object({ type: z.string().meta({ examples: ["user"] }), id: z.string().nullable() })
      .meta({ description: "What it was done to; no id: a name that nobody has, or a list" }),
    requestId: z
      .string()
      .nullable()
      .meta({ examples: ["0190a0a0-0000-7000-8000-000000000000"] }),
    userAgent: z
      .string()
      .nullable()
      .meta({ examples: ["Mozilla/5.0"] }),
    clientAddress: z
      .string()
      .nullable()
      .meta({
        examples: ["203.0.113.7"],
        description: "The client's IP address, or that of the last proxy that is not trusted; null: not known",
      }),
    before: State,
    after: State,
    previousHash: Hash.meta({ description: "The hash of the entry before; zeros for the first one" }),
    hash: Hash.meta({ description: "SHA-256 of the entry and `previousHash`" }),
  })
  .meta({ id: "AuditEntry" });
export type AuditEntry = z.infer<typeof AuditEntry>;

export const listAuditEntries = defineEndpoint({
  name: "listAuditEntries",
  service: "all",
  method: "GET",
  path: "/api/audit",
  summary: "The audit trails of all services as one, newest first",
  access: ["admin"],
  query: pageQuery({
    service: AuditedService.optional(),
    action: AuditAction.optional(),
    actorId: Uuid.optional().meta({ description: "What this user did" }),
    subjectId: lookedUpText(100)
      .optional()
      .meta({
        examples: ["01939e6a-7c00-7000-8000-0000000c0001"],
        description: "What was done to this, such as the id of a user, an order or a product",
      }),
    from: Instant.optional().meta({ description: "From this moment on" }),
    until: Instant.optional().meta({ description: "Before this moment" }),
  }),
  success: {
    status: 200,
    schema: pageOf(AuditEntry).extend({
      unavailable: z
        .array(AuditedService)
        .meta({ description: "Services that did not answer; their entries are missing" }),
    }),
  },
});
