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

interface CodedError {
  readonly code: string;
  /** The server's function that raised it. */
  readonly routine?: unknown;
}

/** An error that has a code, or the first of its causes that has: Drizzle wraps what the driver threw. */
function codedError(error: unknown): CodedError | undefined {
  for (let current = error; current instanceof Error; current = current.cause) {
    if ("code" in current && typeof current.code === "string") return current as CodedError & Error;
  }
  return undefined;
}

const errorCode = (error: unknown) => codedError(error)?.code;

/**
 * Whether a prepared statement failed because its session has lost it (26000, after `DISCARD ALL` or `DEALLOCATE ALL`), or because a table
 * was changed since it was prepared (0A000 `cached plan must not change result type`; 42804 and 42883 for the type of a parameter). The driver
 * prepares it again and repeats it by itself, but cannot within a transaction, which has failed with it.
 */
export function isStaleStatement(error: unknown): boolean {
  const { code, routine } = codedError(error) ?? {};
  switch (code) {
    case "26000":
      return true;
    case "0A000":
      return routine === "RevalidateCachedQuery";
    case "42804":
      return routine === "transformAssignedExpr";
    case "42883":
      return routine === "op_error";
    default:
      return false;
  }
}

/** SQLSTATE 25006: the session is read-only, as on a server that was demoted. Its connection is given up; a new one may find the successor. */
export const isReadOnly = (error: unknown) => errorCode(error) === "25006";

/** Whether a statement that changes nothing may be repeated on another session: this one is read-only, was ended by an operator, a shutdown or a crash, or its connection is broken. */
export const isSessionLost = (error: unknown) =>
  /^(25006|57P01|57P02|CONNECTION_CLOSED|ECONNRESET|EPIPE)$/.test(errorCode(error) ?? "");

/** Whether a database error says "not now" rather than "never": the same work is to be retried, and nothing is wrong with it. */
export function isTransient(error: unknown): boolean {
  const { code, routine } = codedError(error) ?? {};
  if (code === undefined) return false;
  // The other codes of a stale statement are a bug's, too: those are not waited for.
  const isStale = code === "26000" || (code === "0A000" && routine === "RevalidateCachedQuery");
  return isStale || TRANSIENT_CODES.has(code) || TRANSIENT_SQLSTATE.test(code);
}

/** SQLSTATE classes 28 and 3D: the server lets this session in not at all. It is transient in a process that was let in before; one that starts has wrong settings. */
export function isRefused(error: unknown): boolean {
  return /^(28|3D)/.test(errorCode(error) ?? "");
}

/** SQLSTATE 57014: the server ended a statement that ran for too long, not one that waited for a lock. It is transient; but work that always takes too long must be cut up. */
export function isStatementTimeout(error: unknown): boolean {
  return errorCode(error) === "57014";
}

/** SQLSTATE 55P03: the server ended a statement that waited for a lock of another transaction for longer than `lock_timeout`. It is transient. */
export function isLockTimeout(error: unknown): boolean {
  return errorCode(error) === "55P03";
}

/** SQLSTATE 25P02: an earlier statement of the same transaction failed, and that one's error tells why. */
export function isAborted(error: unknown): boolean {
  return errorCode(error) === "25P02";
}

/** SQLSTATE 23505: a row with this key is there already. */
export function isDuplicate(error: unknown): boolean {
  return errorCode(error) === "23505";
}

/** SQLSTATE 40001: another transaction changed what this one's snapshot shows. The transaction can be run again at once. */
export function isSerializationFailure(error: unknown): boolean {
  return errorCode(error) === "40001";
}
