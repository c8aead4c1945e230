/** Token making for the tests of this package: whatever header and claims a hostile client might send. */
export const ISSUER = "https://shop.test";
export const AUDIENCE = "shop";
export const USER_ID = "01939e6a-7c00-7000-8000-000000000001";
export const KID = "key-1";

export interface Signer {
  readonly publicJwk: Readonly<Record<string, unknown>>;
  sign(header: unknown, claims: unknown): Promise<string>;
}

export async function createSigner(kid = KID): Promise<Signer> {
  const pair = (await crypto.subtle.generateKey("Ed25519", true, ["sign", "verify"])) as CryptoKeyPair;
  const { kty, crv, x } = await crypto.subtle.exportKey("jwk", pair.publicKey);
  return {
    publicJwk: { kty, crv, x, kid, alg: "EdDSA", use: "sig" },
    async sign(header, claims) {
      const content = `${part(header)}.${part(claims)}`;
      const signature = await crypto.subtle.sign("Ed25519", pair.privateKey, Buffer.from(content));
      return `${content}.${Buffer.from(signature).toString("base64url")}`;
    },
  };
}

export const part = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString("base64url");

export const goodHeader = { alg: "EdDSA", typ: "at+jwt", kid: KID };

export function goodClaims(nowMs: number) {
  const iat = Math.floor(nowMs / 1000);
  return { iss: ISSUER, aud: AUDIENCE, sub: USER_ID, role: "customer", iat, exp: iat + 900, jti: "token-1" };
}
