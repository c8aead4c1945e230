const TRACEPARENT = /^00-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-([0-9a-f]{2})$/;

/**
 * The `traceparent` for what is done because of `parent`: the same trace, a new span (W3C Trace Context, section 3.2).
 * Without a usable parent a new, sampled trace begins.
 */
export function childTraceparent(parent: string | undefined): string {
  const known = parent === undefined ? null : TRACEPARENT.exec(parent);
  const traceId = known?.[1] ?? randomHex(16);
  return `00-${traceId}-${randomHex(8)}-${known?.[2] ?? "01"}`;
}

function randomHex(bytes: number): string {
  return crypto.getRandomValues(new Uint8Array(bytes)).toHex();
}
