import { Secret, TOTP } from "otpauth";

/** What authenticator apps show a code of: RFC 6238 with SHA-1, six digits, 30 s, which is all that every app knows. */
const SHAPE = { algorithm: "SHA1", digits: 6, period: 30 } as const;
/** A code of the step before or after is good, too: clocks differ, and typing takes a moment. */
const WINDOW = 1;
/** As long as the hash: RFC 4226, section 4. */
const SECRET_BYTES = 20;

export const newTotpSecret = (): Buffer => Buffer.from(crypto.getRandomValues(new Uint8Array(SECRET_BYTES)));

const secretOf = (bytes: Buffer) => new Secret({ buffer: Uint8Array.from(bytes).buffer });

/** The secret as it is typed into an app: Base32. */
export const shownTotpSecret = (bytes: Buffer): string => secretOf(bytes).base32;

/** The address by which an app takes the secret. @param issuer what the app shows it under */
export function totpUri(
  bytes: Buffer,
  { issuer, username }: { readonly issuer: string; readonly username: string },
): string {
  return new TOTP({ ...SHAPE, secret: secretOf(bytes), issuer, label: username }).toString();
}

/** @returns the step of time that a code belongs to; undefined when it belongs to none that is good now */
export function totpStepOf(code: string, bytes: Buffer, nowMs: number): number | undefined {
  const delta = new TOTP({ ...SHAPE, secret: secretOf(bytes) }).validate({
    token: code,
    timestamp: nowMs,
    window: WINDOW,
  });
  return delta === null ? undefined : Math.floor(nowMs / 1_000 / SHAPE.period) + delta;
}
