const TRACEPARENT = /^00-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-([0-9a-f]{2})$/;
const SAMPLED = 1;

/**
 * Decides whether the spans of a trace are recorded.
 * @param parentIsSampled what whoever caused it decided; undefined where a trace begins
 */
export type Sample = (traceId: string, parentIsSampled: boolean | undefined) => boolean;

/**
 * The `traceparent` for what is done because of `parent`: the same trace, a new span (W3C Trace Context, section 3.2).
 * Without a usable parent a new trace begins. Without `sample` it is sampled, and a parent's decision stays.
 */
export function childTraceparent(parent: string | undefined, sample?: Sample): string {
  const known = parent === undefined ? null : TRACEPARENT.exec(parent);
  const traceId = known?.[1] ?? randomHex(16);
  const spanId = randomHex(8);
  if (sample === undefined) return `00-${traceId}-${spanId}-${known?.[2] ?? "01"}`;
  const flags = Number.parseInt(known?.[2] ?? "00", 16);
  const isSampled = sample(traceId, known === null ? undefined : (flags & SAMPLED) !== 0);
  const decided = isSampled ? flags | SAMPLED : flags & ~SAMPLED;
  return `00-${traceId}-${spanId}-${decided.toString(16).padStart(2, "0")}`;
}

/** Whether the spans of this trace are recorded. @param traceparent a well-formed one */
export const isSampled = (traceparent: string): boolean => "13579bdf".includes(traceparent.at(-1) ?? "");

/** @param traceparent a well-formed one */
export const traceIdOf = (traceparent: string): string => traceparent.slice(3, 35);

/** @param traceparent a well-formed one */
export const spanIdOf = (traceparent: string): string => traceparent.slice(36, 52);

function randomHex(bytes: number): string {
  return crypto.getRandomValues(new Uint8Array(bytes)).toHex();
}
