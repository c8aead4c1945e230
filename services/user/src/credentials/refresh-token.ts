import { timingSafeEqual } from "node:crypto";

/** The tokens of one session. */
export interface Family {
  readonly sessionId: string;
  /** 32 random bytes. */
  readonly key: Buffer;
}

const SECRET_BYTES = 32;
const MARK_BYTES = 16;
const FORM = /^([\w-]{43})\.([\w-]{22})\.([\w-]{22})$/;

export const newFamilyKey = (): Buffer => Buffer.from(crypto.getRandomValues(new Uint8Array(SECRET_BYTES)));

/**
 * A refresh token: 32 random bytes, so that its hash needs neither salt nor stretching, then its session's id, and a mark by which it is known as
 * one of this session's without a row of its own.
 */
export function newRefreshToken(family: Family): string {
  return marked(Buffer.from(crypto.getRandomValues(new Uint8Array(SECRET_BYTES))).toString("base64url"), family);
}

/** What a successor is made from: random, so that who has a spent token alone cannot make the token that came after it. */
export function newSuccessorSeed(): Buffer {
  return Buffer.from(crypto.getRandomValues(new Uint8Array(SECRET_BYTES)));
}

/** The token that came after `spent`, when that was spent with `idempotencyKey`: the same each time it is made. */
export function successorOf(spent: string, idempotencyKey: string, seed: Buffer, family: Family): string {
  const hmac = new Bun.CryptoHasher("sha256", seed).update(`${spent}\n${idempotencyKey}`);
  return marked(Buffer.from(hmac.digest()).toString("base64url"), family);
}

/** What is stored of it: SHA-256 of its text. */
export function hashRefreshToken(token: string): Buffer {
  return Buffer.from(new Bun.CryptoHasher("sha256").update(token).digest());
}

/** The session that a token says it was given in; undefined for what is no token of this form. Whether it was, `isOfFamily` knows. */
export function sessionNamedIn(token: string): string | undefined {
  const named = FORM.exec(token)?.[2];
  if (named === undefined) return undefined;
  const hex = Buffer.from(named, "base64url").toString("hex");
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
}

export function isOfFamily(token: string, { key }: Family): boolean {
  const [, secret, , mark] = FORM.exec(token) ?? [];
  if (secret === undefined || mark === undefined) return false;
  return timingSafeEqual(Buffer.from(mark, "base64url"), markOf(secret, key));
}

function marked(secret: string, { sessionId, key }: Family): string {
  const id = Buffer.from(sessionId.replaceAll("-", ""), "hex").toString("base64url");
  return `${secret}.${id}.${markOf(secret, key).toString("base64url")}`;
}

function markOf(secret: string, key: Buffer): Buffer {
  return Buffer.from(new Bun.CryptoHasher("sha256", key).update(secret).digest()).subarray(0, MARK_BYTES);
}
