import type { Role } from "@shop/contracts/http/define";
import { UnavailableError } from "@shop/http/request/errors";
import type { Clock } from "@shop/runtime/clock";
import { ExplainedError } from "@shop/runtime/errors";
import type { IdSource } from "@shop/runtime/ids";
import type { PrivateJwk } from "../db/schema.ts";
import type { StoredSigningKey } from "../db/signing-keys.ts";
import { keyToSignWith } from "../domain/signing-key-ages.ts";

/** How long an access token lives, in seconds: the contract's 15 minutes. */
export const ACCESS_TOKEN_LIFE_S = 900;

export type PublicJwk = Readonly<Record<"kty" | "crv" | "x" | "kid" | "alg" | "use", string>>;

/** Whom a token is for, and the session that it comes from. */
export interface TokenHolder {
  readonly id: string;
  readonly role: Role;
  readonly sessionId: string;
}

/** Signs access tokens (RFC 9068) with Ed25519. hono/jwt cannot write `typ: at+jwt`, so the few lines of JWS are here. */
export interface AccessTokens {
  /** Takes the keys, the newest first: one to sign with, all to be shown. Until then nothing can be signed or shown. */
  useKeys(keys: readonly StoredSigningKey[]): Promise<void>;
  /** @throws UnavailableError as long as there are no keys */
  issue(user: TokenHolder): Promise<string>;
  /**
   * The public halves of all keys.
   * @throws UnavailableError as long as there are no keys
   */
  keySet(): { readonly keys: PublicJwk[] };
}

interface AccessTokenOptions {
  readonly issuer: string;
  readonly audience: string;
  readonly clock: Clock;
  readonly ids: IdSource;
}

interface Keys {
  /** The encoded JWS header of the key that signs. */
  readonly header: string;
  readonly privateKey: CryptoKey;
  readonly publicJwks: PublicJwk[];
}

const encode = (value: object): string => Buffer.from(JSON.stringify(value)).toString("base64url");

export function createAccessTokens({ issuer, audience, clock, ids }: AccessTokenOptions): AccessTokens {
  let current: Keys | undefined;

  function keys(): Keys {
    if (current === undefined) throw new UnavailableError("the signing keys are not loaded yet");
    return current;
  }

  return {
    async useKeys(stored) {
      const chosen = keyToSignWith(stored, clock.now());
      if (chosen === undefined) throw new ExplainedError("there must be a key to sign with");
      const { kid, privateJwk } = chosen;
      current = {
        header: encode({ alg: "EdDSA", typ: "at+jwt", kid }),
        privateKey: await crypto.subtle.importKey("jwk", privateJwk, "Ed25519", false, ["sign"]),
        publicJwks: stored.map(publicJwk),
      };
    },
    async issue({ id, role, sessionId: sid }) {
      const { header, privateKey } = keys();
      const iat = Math.floor(clock.now() / 1000);
      const exp = iat + ACCESS_TOKEN_LIFE_S;
      const content = `${header}.${encode({ iss: issuer, aud: audience, sub: id, sid, role, iat, exp, jti: ids() })}`;
      const signature = await crypto.subtle.sign("Ed25519", privateKey, Buffer.from(content));
      return `${content}.${Buffer.from(signature).toString("base64url")}`;
    },
    keySet: () => ({ keys: keys().publicJwks }),
  };
}

/** Names its fields one by one: the private part can never slip in. */
function publicJwk({ kid, privateJwk: { kty, crv, x } }: StoredSigningKey): PublicJwk {
  return { kty, crv, x, kid, alg: "EdDSA", use: "sig" };
}

export async function createSigningKey(clock: Clock, ids: IdSource): Promise<StoredSigningKey> {
  const pair = await crypto.subtle.generateKey("Ed25519", true, ["sign", "verify"]);
  if (!("privateKey" in pair)) throw new ExplainedError("Ed25519 gave no key pair");
  const { kty, crv, x, d } = await crypto.subtle.exportKey("jwk", pair.privateKey);
  if (kty === undefined || crv === undefined || x === undefined || d === undefined) {
    throw new ExplainedError("an Ed25519 key was exported without one of its parts");
  }
  const privateJwk: PrivateJwk = { kty, crv, x, d };
  return { kid: ids(), privateJwk, createdAt: new Date(clock.now()) };
}
