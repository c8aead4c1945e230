import type { Context } from "hono";
import { childTraceparent } from "@shop/runtime/trace";
import type { RateLimitFields } from "../auth/rate-limit.ts";
import { uuidV7 } from "@shop/runtime/ids";

/** What is kept beside a request while it is answered. */
export interface RequestVariables {
  requestId: string;
  traceparent: string;
  /** What the limits say that the request was counted by. */
  rateLimit: RateLimitFields | undefined;
}

export type ShopContext = Context<{ Variables: RequestVariables }>;

const CALLERS_OWN = /^[A-Za-z0-9_-]{8,64}$/;

/** The request's id: the caller's own `X-Request-Id` when it is usable, else a new one. The same for all of one request. */
export function requestIdOf(c: ShopContext): string {
  const known = c.get("requestId");
  if (known !== undefined) return known;
  const given = c.req.raw.headers.get("x-request-id");
  const requestId = given !== null && CALLERS_OWN.test(given) ? given : uuidV7();
  c.set("requestId", requestId);
  return requestId;
}

/** The `traceparent` for all that is done because of this request: a child of the caller's, or a new trace. */
export function traceparentOf(c: ShopContext): string {
  const known = c.get("traceparent");
  if (known !== undefined) return known;
  const traceparent = childTraceparent(c.req.raw.headers.get("traceparent") ?? undefined);
  c.set("traceparent", traceparent);
  return traceparent;
}
