/** A refresh token: 32 random bytes, so that its hash needs neither salt nor stretching. */
export function newRefreshToken(): string {
  return crypto.getRandomValues(new Uint8Array(32)).toBase64({ alphabet: "base64url", omitPadding: true });
}

/** What a successor is made from: random, so that who has a spent token alone cannot make the token that came after it. */
export function newSuccessorSeed(): Buffer {
  return Buffer.from(crypto.getRandomValues(new Uint8Array(32)));
}

/** The token that came after `spent`, when that was spent with `idempotencyKey`: the same each time it is made. */
export function successorOf(spent: string, idempotencyKey: string, seed: Buffer): string {
  const hmac = new Bun.CryptoHasher("sha256", seed).update(`${spent}\n${idempotencyKey}`);
  return Buffer.from(hmac.digest()).toString("base64url");
}

/** What is stored of it: SHA-256 of its text. */
export function hashRefreshToken(token: string): Buffer {
  return Buffer.from(new Bun.CryptoHasher("sha256").update(token).digest());
}
