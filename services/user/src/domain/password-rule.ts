/**
 * Why a password is too easy to guess, by the rules of NIST SP 800-63B-4, section 3.1.1.2: it is compared as a whole with those that are known from leaks,
 * and with the username; what it is made of does not matter. Its length has been checked before.
 * @param isLeaked asked with the password in lower case
 * @returns a sentence's end, such as "must not be …", or undefined when it will do
 */
export function weaknessOf(
  password: string,
  username: string,
  isLeaked: (lowered: string) => boolean,
): string | undefined {
  const lowered = password.normalize("NFC").toLowerCase();
  if (lowered === username || isDerived(lowered, username)) return "must not be the username";
  if (isLeaked(lowered)) return "must not be one of those that are known from leaks";
  return undefined;
}

/** Whether a password is the username with nothing but digits and signs around it, or the username several times. */
function isDerived(lowered: string, username: string): boolean {
  const letters = lowered.replaceAll(/^[^\p{L}]+|[^\p{L}]+$/gu, "");
  return (
    letters !== "" &&
    (letters === username.replaceAll(/^[^a-z]+|[^a-z]+$/g, "") || lowered.replaceAll(username, "") === "")
  );
}
