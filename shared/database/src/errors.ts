/**
 * SQLSTATE classes and codes (PostgreSQL, appendix A) after which the same statement may well succeed:
 * 08 connection, 28 and 3D000 a session that is refused (its password is being rotated, its database restored), 40 rollback (serialization, deadlock),
 * 53 resources (disk full, too many connections),
 * 57P shutdown and crash, 57014 cancelled by a time-out, 55P03 lock not available, 58 system error (I/O), 25006 read-only (a failover), 25P03/25P04 idle or transaction time-out.
 */
const TRANSIENT_SQLSTATE = /^(08|28|3D000|40|53|58|57P|57014|55P03|25006|25P03|25P04)/;

/** Errors of postgres.js and of sockets when the server cannot be reached or went away. */
const TRANSIENT_CODES = new Set([
  "CONNECT_TIMEOUT",
  "CONNECTION_CLOSED",
  "CONNECTION_DESTROYED",
  "CONNECTION_ENDED",
  "CONNECTION_SILENT",
  "ECONNREFUSED",
  "ECONNRESET",
  "EHOSTUNREACH",
  "ENETUNREACH",
  "ENOTFOUND",
  "EAI_AGAIN",
  "EPIPE",
  "ETIMEDOUT",
]);

/** An error's own code, or that of its cause: Drizzle wraps what the driver threw. */
function errorCode(error: unknown): string | undefined {
  for (let current = error; current instanceof Error; current = current.cause) {
    if ("code" in current && typeof current.code === "string") return current.code;
  }
  return undefined;
}

/** Whether a database error says "not now" rather than "never": the same work is to be tried again, and nothing is wrong with it. */
export function isTransient(error: unknown): boolean {
  const code = errorCode(error);
  return code !== undefined && (TRANSIENT_CODES.has(code) || TRANSIENT_SQLSTATE.test(code));
}

/** SQLSTATE classes 28 and 3D: the server lets this session in not at all. It is transient in a process that was let in before; one that starts has wrong settings. */
export function isRefused(error: unknown): boolean {
  return /^(28|3D)/.test(errorCode(error) ?? "");
}

/** SQLSTATE 57014: the server ended a statement that ran for too long, not one that waited for a lock. It is transient; but work that always takes too long must be cut up. */
export function isStatementTimeout(error: unknown): boolean {
  return errorCode(error) === "57014";
}
