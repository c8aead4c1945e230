import type { Context, MiddlewareHandler } from "hono";
import type { Endpoint } from "@shop/contracts/http/define";
import { ExplainedError } from "@shop/runtime/errors";
import { problem, problemResponse, type Refused } from "./answer.ts";
import { bearerToken, type Principal } from "./principal.ts";
import type { RateLimit } from "./rate-limit.ts";
import type { RequestVariables, ShopContext } from "./request-id.ts";
import type { TokenVerifier } from "./token-verifier.ts";

/** The checks of who calls, and afterwards who it was. */
export interface Authenticate {
  readonly check: MiddlewareHandler<{ Variables: RequestVariables }>;
  readonly principalOf: (c: ShopContext) => Principal | undefined;
}

interface AuthenticationOptions {
  readonly verifier?: Pick<TokenVerifier, "verify">;
  readonly rateLimit?: RateLimit;
  readonly addressRateLimit?: { readonly limit: RateLimit; readonly addressOf: (c: Context) => string | undefined };
}

/** The 401 of a call whose token is missing or not good. */
export const unauthenticated: Refused = problem(
  "UNAUTHENTICATED",
  "This call needs a valid access token: Authorization: Bearer …",
);

/** 401, 429 and 403, in this order. Identity headers are never read: only the token tells who calls. */
export function createAuthentication({
  verifier,
  rateLimit,
  addressRateLimit,
}: AuthenticationOptions): (access: Endpoint["access"]) => Authenticate {
  const principals = new WeakMap<ShopContext, Principal>();

  function refuseWhenTooMany(
    c: ShopContext,
    limit: RateLimit | undefined,
    key: string | undefined,
  ): Response | undefined {
    const waitMs = limit === undefined || key === undefined ? 0 : limit.take(key);
    if (waitMs === 0) return undefined;
    const retryAfterSeconds = Math.ceil(waitMs / 1000);
    return problemResponse(c, problem("TOO_MANY_REQUESTS", "Too many requests at once.", { retryAfterSeconds }));
  }
  const refuseAddress = (c: ShopContext) =>
    addressRateLimit && refuseWhenTooMany(c, addressRateLimit.limit, addressRateLimit.addressOf(c));

  return (access) => {
    if (access === "anyone") {
      return { check: async (c, next) => refuseAddress(c) ?? next(), principalOf: () => undefined };
    }
    if (verifier === undefined) throw new ExplainedError("an endpoint that is not for anyone needs a token verifier");
    return {
      async check(c, next) {
        const tooMany = refuseAddress(c);
        if (tooMany !== undefined) return tooMany;
        const token = bearerToken(c.req.raw.headers);
        const principal = token === undefined ? undefined : await verifier.verify(token);
        if (principal === undefined) return problemResponse(c, unauthenticated);
        const refusal = refuseWhenTooMany(c, rateLimit, principal.id);
        if (refusal !== undefined) return refusal;
        if (!access.includes(principal.role)) {
          return problemResponse(c, problem("FORBIDDEN", `This call is for: ${access.join(", ")}.`));
        }
        principals.set(c, principal);
        return next();
      },
      principalOf: (c) => principals.get(c),
    };
  };
}
