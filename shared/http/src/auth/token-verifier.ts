import { decode, verify } from "hono/jwt";
import { z } from "zod";
import { roles } from "@shop/contracts/http/define";
import type { Clock } from "@shop/runtime/clock";
import type { Logger } from "@shop/runtime/logger";
import { createKeySet } from "./key-set.ts";
import type { KeySource } from "./key-source.ts";
import type { Principal } from "./principal.ts";

export interface TokenVerifier {
  /**
   * @returns who the token stands for, or undefined when it is not good for anything
   * @throws UnavailableError when the keys could never be fetched
   */
  verify(token: string): Promise<Principal | undefined>;
  /**
   * Fetches the keys before a token needs them, once a second until they are there. From then on tokens are verified also
   * while the user service is unavailable.
   */
  fetchKeysAhead(): Promise<void>;
}

interface TokenVerifierOptions {
  /** Where the user service shows its public keys. */
  readonly jwksUrl: string;
  readonly issuer: string;
  readonly audience: string;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly fetch?: KeySource["fetch"];
  /** Verified tokens that are remembered until they expire; a signature costs more than all else of a request. */
  readonly maxRemembered?: number;
}

/** RFC 7519 counts in seconds. */
const LEEWAY_S = 5;
const MAX_LIFE_S = 15 * 60;
const MAX_TOKEN_CHARACTERS = 4096;

const Header = z.object({
  alg: z.literal("EdDSA"),
  typ: z.string().refine((typ) => /^(application\/)?at\+jwt$/i.test(typ)),
  kid: z.string().min(1).max(200),
});
const Claims = z.object({
  iss: z.string(),
  aud: z.union([z.string(), z.array(z.string())]),
  sub: z.uuid().toLowerCase(),
  /** The session (OpenID Connect Front-Channel Logout 1.0, section 3). */
  sid: z.uuid().toLowerCase().optional(),
  role: z.enum(roles),
  exp: z.number(),
  iat: z.number(),
  nbf: z.number().optional(),
  jti: z.string().min(1),
});
type Claims = z.infer<typeof Claims>;

interface Remembered {
  readonly principal: Principal;
  readonly claims: Claims;
}

/**
 * Verifies access tokens (RFC 9068, EdDSA only) with hono/jwt, and checks beside it what hono/jwt leaves open:
 * that every claim is there, 5 s of leeway, a life of at most 15 minutes, at most 4 KiB.
 */
export function createTokenVerifier({
  jwksUrl,
  issuer,
  audience,
  clock,
  logger,
  fetch: fetchKeys = (url, init) => fetch(url, init),
  maxRemembered = 10_000,
}: TokenVerifierOptions): TokenVerifier {
  const remembered = new Map<string, Remembered>();
  const keySet = createKeySet({
    url: jwksUrl,
    clock,
    logger,
    fetch: fetchKeys,
    onWithdrawn: () => remembered.clear(),
  });
  const expected = {
    alg: "EdDSA",
    typ: "at+jwt",
    iss: issuer,
    aud: audience,
    exp: false,
    iat: false,
    nbf: false,
  } as const;

  function remember(token: string, entry: Remembered): void {
    remembered.set(token, entry);
    if (remembered.size <= maxRemembered) return;
    for (const oldest of remembered.keys()) {
      remembered.delete(oldest);
      return;
    }
  }

  return {
    async verify(token) {
      keySet.refreshWhenOld();
      const known = remembered.get(token);
      if (known !== undefined) {
        remembered.delete(token);
        if (!isCurrent(known.claims, clock)) return undefined;
        remembered.set(token, known);
        return known.principal;
      }
      if (token.length > MAX_TOKEN_CHARACTERS) return undefined;
      const parts = readParts(token);
      if (parts === undefined || !isSpelledOnce(token) || !isCurrent(parts.claims, clock)) return undefined;
      if (parts.claims.iss !== issuer || ![parts.claims.aud].flat().includes(audience)) return undefined;
      const key = await keySet.find(parts.kid);
      if (key === undefined) return undefined;
      try {
        await verify(token, key, expected);
      } catch (error) {
        if (isTokenError(error)) return undefined;
        throw error;
      }
      // Withdrawn meanwhile: it would be remembered for longer than its key is good.
      if (!keySet.has(parts.kid)) return undefined;
      const { sub: id, sid: sessionId, role, exp } = parts.claims;
      const principal: Principal = { id, role, sessionId, expiresAtMs: exp * 1_000 };
      remember(token, { principal, claims: parts.claims });
      return principal;
    },
    fetchKeysAhead: () => keySet.fetchAhead(),
  };
}

/** Whether the token's times allow it now. */
function isCurrent({ exp, iat, nbf }: Claims, clock: Clock): boolean {
  const nowS = clock.now() / 1000;
  return (
    exp > nowS - LEEWAY_S &&
    iat <= nowS + LEEWAY_S &&
    exp > iat &&
    exp - iat <= MAX_LIFE_S + LEEWAY_S &&
    (nbf === undefined || nbf <= nowS + LEEWAY_S)
  );
}

/**
 * Whether the signature is written in the one way that RFC 7515 has for it. A decoder also takes padding and ignores the
 * bits that are left over in the last character, so that a changed token would pass as another one.
 */
function isSpelledOnce(token: string): boolean {
  const signature = token.slice(token.lastIndexOf(".") + 1);
  return Buffer.from(signature, "base64url").toString("base64url") === signature;
}

/** What the token claims, before anything of it is proven. */
function readParts(token: string): { readonly kid: string; readonly claims: Claims } | undefined {
  try {
    const { header, payload } = decode(token);
    const knownHeader = Header.safeParse(header);
    const claims = Claims.safeParse(payload);
    if (!knownHeader.success || !claims.success) return undefined;
    return { kid: knownHeader.data.kid, claims: claims.data };
  } catch (error) {
    if (isTokenError(error)) return undefined;
    throw error;
  }
}

/** hono/jwt throws an error of its own for each way in which a token is not good. */
function isTokenError(error: unknown): boolean {
  return error instanceof Error && error.name.startsWith("Jwt");
}
