import type { Context } from "hono";
import type { Endpoint } from "@shop/contracts/http/define";
import { ExplainedError } from "@shop/runtime/errors";
import { problem, type ProblemAnswer, problemResponse } from "../request/answer.ts";
import { bearerToken, type Principal } from "./principal.ts";
import { type RateLimit, rateLimitFields, type Taken } from "./rate-limit.ts";
import type { ShopContext } from "../server/request-id.ts";
import type { TokenVerifier } from "./token-verifier.ts";

/** Who makes a call, undefined where anyone may; or the refusal, which is 401, 429 or 403. */
export type Authenticate = (
  c: ShopContext,
) => Principal | Response | undefined | Promise<Principal | Response | undefined>;

interface AuthenticationOptions {
  readonly verifier?: Pick<TokenVerifier, "verify">;
  readonly rateLimit?: RateLimit;
  readonly addressRateLimit?: { readonly limit: RateLimit; readonly addressOf: (c: Context) => string | undefined };
}

/** The 401 of a call whose token is missing or not good. */
export const unauthenticated: ProblemAnswer = problem(
  "UNAUTHENTICATED",
  "This call needs a valid access token: Authorization: Bearer …",
);

/** 401, 429 and 403, in this order. Identity headers are never read: only the token tells who calls. */
export function createAuthentication({
  verifier,
  rateLimit,
  addressRateLimit,
}: AuthenticationOptions): (access: Endpoint["access"]) => Authenticate {
  function refuseWhenTooMany(
    c: ShopContext,
    limit: RateLimit | undefined,
    key: string | undefined,
  ): Response | undefined | Promise<Response | undefined> {
    if (limit === undefined || key === undefined) return undefined;
    const taken = limit.take(key);
    return taken instanceof Promise ? taken.then((later) => refusalOf(c, limit, later)) : refusalOf(c, limit, taken);
  }
  function refusalOf(c: ShopContext, limit: RateLimit, taken: Taken): Response | undefined {
    c.set("rateLimit", rateLimitFields(limit, taken, c.get("rateLimit")));
    if (taken.waitMs === 0) return undefined;
    const retryAfterSeconds = Math.ceil(taken.waitMs / 1000);
    return problemResponse(c, problem("TOO_MANY_REQUESTS", "Too many requests at once.", { retryAfterSeconds }));
  }
  const refuseAddress = (c: ShopContext) =>
    addressRateLimit && refuseWhenTooMany(c, addressRateLimit.limit, addressRateLimit.addressOf(c));

  return (access) => {
    if (access === "anyone") return refuseAddress;
    if (verifier === undefined) throw new ExplainedError("an endpoint that is not for anyone needs a token verifier");
    return async (c) => {
      const tooMany = addressRateLimit && (await refuseAddress(c));
      if (tooMany !== undefined) return tooMany;
      const token = bearerToken(c.req.raw.headers);
      const principal = token === undefined ? undefined : await verifier.verify(token);
      if (principal === undefined) return problemResponse(c, unauthenticated);
      const counted = refuseWhenTooMany(c, rateLimit, principal.id);
      const refusal = counted instanceof Promise ? await counted : counted;
      if (refusal !== undefined) return refusal;
      if (access.includes(principal.role)) return principal;
      return problemResponse(c, problem("FORBIDDEN", `This call is for: ${access.join(", ")}.`));
    };
  };
}
