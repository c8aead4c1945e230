/** A refresh token: 32 random bytes, so that its hash needs neither salt nor stretching. */
export function newRefreshToken(): string {
  return crypto.getRandomValues(new Uint8Array(32)).toBase64({ alphabet: "base64url", omitPadding: true });
}

/** What is stored of it: SHA-256 of its text. */
export function hashRefreshToken(token: string): Buffer {
  return Buffer.from(new Bun.CryptoHasher("sha256").update(token).digest());
}
