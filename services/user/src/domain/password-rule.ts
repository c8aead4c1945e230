import { commonPasswords } from "./common-passwords.ts";

/**
 * Why a password is too easy to guess. Its length has been checked before.
 * @returns a sentence's end, such as "must not be …", or undefined when it will do
 */
export function weaknessOf(password: string, username: string): string | undefined {
  const lowered = password.toLowerCase();
  if (lowered === username.toLowerCase()) return "must not be the username";
  if (commonPasswords.has(lowered)) return "must not be one of the most common passwords";
  return undefined;
}
