const MAX_SUBJECT = 72;

const TYPES = ["feat", "fix", "perf", "refactor", "test", "docs", "build", "ci", "chore", "revert"];
const SUBJECT = new RegExp(`^(?:${TYPES.join("|")})(?:\\([a-z0-9,-]+\\))?!?: (?<does>\\S.*)$`);
/** Words of the imperative that end as a past tense or a participle does. */
const IMPERATIVES = new Set([
  "bring",
  "embed",
  "exceed",
  "feed",
  "need",
  "proceed",
  "ring",
  "seed",
  "shed",
  "speed",
  "string",
]);

/** @returns what is wrong with a commit's subject, in a sentence; undefined when nothing is */
export function problemOf(subject: string): string | undefined {
  const does = SUBJECT.exec(subject)?.groups?.["does"];
  if (does === undefined) return `write type(scope): subject, where the type is one of ${TYPES.join(", ")}`;
  if (subject.length > MAX_SUBJECT) return `it has ${subject.length} characters; ${MAX_SUBJECT} are allowed`;
  if (does.endsWith(".")) return "leave out the full stop";
  const [verb = ""] = does.split(" ");
  if (verb !== verb.toLowerCase() && /^[A-Z][a-z]+$/.test(verb)) return "begin the subject with a small letter";
  if (/(?:ed|ing)$/.test(verb) && !IMPERATIVES.has(verb)) return `use the imperative in place of "${verb}"`;
  return undefined;
}
