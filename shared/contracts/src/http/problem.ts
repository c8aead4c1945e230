import { z } from "zod";

/** What went wrong, for programs: stable, documented in docs/failure-modes.md. */
export const problemCodes = {
  NOT_FOUND: { status: 404, title: "Not found" },
  METHOD_NOT_ALLOWED: { status: 405, title: "Method not allowed" },
  UNAUTHENTICATED: { status: 401, title: "Not authenticated" },
  INVALID_CREDENTIALS: { status: 401, title: "Wrong name or password" },
  INVALID_REFRESH_TOKEN: { status: 401, title: "Refresh token not valid" },
  ACCOUNT_DISABLED: { status: 403, title: "Account disabled" },
  SECOND_FACTOR_REQUIRED: { status: 403, title: "Second factor required" },
  INVALID_SECOND_FACTOR: { status: 403, title: "Second factor not valid" },
  SECOND_FACTOR_SETUP_REQUIRED: { status: 403, title: "Second factor has to be set up" },
  SECOND_FACTOR_ACTIVE: { status: 409, title: "Second factor is active" },
  WRONG_PASSWORD: { status: 403, title: "Wrong password" },
  INVALID_CODE: { status: 403, title: "Code not valid" },
  FORBIDDEN: { status: 403, title: "Forbidden" },
  REQUEST_TIMEOUT: { status: 408, title: "Request took too long" },
  BODY_TOO_LARGE: { status: 413, title: "Body too large" },
  UNSUPPORTED_MEDIA_TYPE: { status: 415, title: "Unsupported media type" },
  MALFORMED_BODY: { status: 400, title: "Body cannot be read" },
  INVALID_REQUEST: { status: 422, title: "Request not valid" },
  UNKNOWN_PRODUCT: { status: 422, title: "Unknown product" },
  IDEMPOTENCY_KEY_REUSED: { status: 422, title: "Idempotency key used for another request" },
  USERNAME_TAKEN: { status: 409, title: "Name taken" },
  LAST_ADMIN: { status: 409, title: "Last admin" },
  PRICE_CHANGED: { status: 409, title: "Price changed" },
  STOCK_OUT_OF_RANGE: { status: 409, title: "Stock out of range" },
  ORDER_ENDED: { status: 409, title: "Order has ended" },
  SAGA_ENDED: { status: 409, title: "Saga has ended" },
  SAGA_PAST_PIVOT: { status: 409, title: "Saga can only go forward" },
  SAGA_CANNOT_GO_ON: { status: 409, title: "Saga cannot go on" },
  DELIVERY_ENDED: { status: 409, title: "Delivery has ended" },
  DELIVERY_TAKEN: { status: 409, title: "Delivery belongs to another rider" },
  DELIVERY_NOT_YOURS: { status: 409, title: "Delivery is not yours" },
  DEAD_LETTER_REPLAYED: { status: 409, title: "Dead letter was replayed" },
  DEAD_LETTER_WAITS: { status: 409, title: "Dead letter waits behind another one" },
  VERSION_MISMATCH: { status: 412, title: "Version mismatch" },
  TOO_MANY_REQUESTS: { status: 429, title: "Too many requests" },
  TOO_MANY_OPEN_ORDERS: { status: 429, title: "Too many open orders" },
  TOO_MANY_STREAMS: { status: 429, title: "Too many event streams" },
  TOO_MANY_FAILED_LOGINS: { status: 429, title: "Too many failed logins" },
  INTERNAL: { status: 500, title: "Internal error" },
  UNAVAILABLE: { status: 503, title: "Service not available" },
} as const;
export type ProblemCode = keyof typeof problemCodes;

/** How many field errors a problem names at most; it tells how many more there are. */
export const MAX_FIELD_ERRORS = 20;

/** An RFC 9457 problem. */
export const Problem = z
  .object({
    type: z.string(),
    title: z.string(),
    status: z.int(),
    detail: z.string(),
    instance: z.string(),
    code: z.enum(Object.keys(problemCodes) as [ProblemCode, ...ProblemCode[]]),
    requestId: z.string(),
    errors: z
      .array(z.object({ path: z.string(), message: z.string() }))
      .max(MAX_FIELD_ERRORS)
      .optional()
      .meta({ description: "What the request breaks, with a 422; long paths and messages are cut" }),
    moreErrors: z.int().min(1).optional().meta({ description: "How many errors there are beyond those in `errors`" }),
  })
  .meta({ id: "Problem" });
export type Problem = z.infer<typeof Problem>;
