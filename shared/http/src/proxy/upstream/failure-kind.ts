/** Codes of errors at connecting: nothing of the request has been sent. */
const NOT_CONNECTED = new Set([
  "ECONNREFUSED",
  "EHOSTUNREACH",
  "EHOSTDOWN",
  "ENETUNREACH",
  "ENETDOWN",
  "ENOTFOUND",
  "EAI_AGAIN",
]);
/** Codes of errors of a connection that was there: the request may have been carried out. */
const CONNECTION_LOST = new Set(["ECONNRESET", "EPIPE", "ECONNABORTED", "ETIMEDOUT"]);

/**
 * What became of a request that has no answer.
 * @returns `refused`: it was not sent; `lost`: it may have been carried out; `other`: not a matter of the connection
 */
export function failureKindOf(error: unknown): "refused" | "lost" | "other" {
  const code = error instanceof Error && "code" in error ? String(error.code) : "";
  if (NOT_CONNECTED.has(code)) return "refused";
  return CONNECTION_LOST.has(code) ? "lost" : "other";
}
