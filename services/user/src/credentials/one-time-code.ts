/** Without letters that look like digits or each other, so that a code can be read out and typed. */
const LETTERS = "23456789ABCDEFGHJKMNPQRSTVWXYZ";
const [GROUPS, GROUP_LENGTH] = [4, 5];
/** Bytes from here on would make some letters likelier than others. */
const EVEN_BELOW = 256 - (256 % LETTERS.length);

/** A one-time code in groups, such as `7K2MX-QW9RT-4HNPC-VB8DZ`: 98 random bits, so that its hash needs neither salt nor stretching, and guessing no limit. */
export function newOneTimeCode(): string {
  return Array.from({ length: GROUPS }, () => Array.from({ length: GROUP_LENGTH }, randomLetter).join("")).join("-");
}

function randomLetter(): string {
  for (;;) {
    const [byte = EVEN_BELOW] = crypto.getRandomValues(new Uint8Array(1));
    if (byte < EVEN_BELOW) return LETTERS.charAt(byte % LETTERS.length);
  }
}

/** What is stored of it: SHA-256 of its letters, in whichever case and groups they were typed. */
export function hashOneTimeCode(code: string): Buffer {
  const letters = code.toUpperCase().replaceAll(/[\s-]/g, "");
  return Buffer.from(new Bun.CryptoHasher("sha256").update(letters).digest());
}
