import { errorText, ExplainedError } from "@shop/runtime/errors";
import { readFileSync } from "node:fs";
import postgres from "postgres";

type Options = NonNullable<Parameters<typeof postgres<Record<string, never>>>[1]>;

const FILES = ["sslrootcert", "sslcert", "sslkey"];

/**
 * What statements and their answers depend on. It is part of the session's startup, so it overrides what `ALTER ROLE … SET`, `ALTER DATABASE … SET`
 * and the server's configuration say, and is what `DISCARD ALL` and `RESET ALL` go back to. As text: the driver leaves out what is false or 0.
 */
const SESSION: Record<string, string> = {
  TimeZone: "UTC",
  DateStyle: "ISO, MDY",
  IntervalStyle: "postgres",
  bytea_output: "hex",
  extra_float_digits: "1",
  standard_conforming_strings: "on",
  search_path: "public",
  default_transaction_isolation: "read committed",
  default_transaction_read_only: "off",
  // The outbox and the inbox take a deferrable transaction for one of ours.
  default_transaction_deferrable: "off",
  statement_timeout: "0",
  lock_timeout: "0",
  idle_in_transaction_session_timeout: "0",
  idle_session_timeout: "0",
};

/** A database's address asks for a kind of TLS that does not exist here, or names a file that cannot be read. */
class DatabaseAddressError extends ExplainedError {
  override readonly name = "DatabaseAddressError";
}

/**
 * Opens a client of postgres.js. Nothing is sent before the first statement. The settings that statements depend on are those of `SESSION`,
 * unless `options.connection` or the query of `url` has others.
 * @param url `postgres://user:password@host:port/database`, and as libpq takes them `sslmode` (`disable`, `require`, `verify-ca`, `verify-full`),
 * `sslrootcert` (a file with the certificates to trust instead of the system's), `sslcert` and `sslkey` (files of the client's own)
 * @throws DatabaseAddressError
 */
export function openClient(url: string, options: Options): postgres.Sql {
  const address = new URL(url);
  const ssl = tlsOf(address);
  for (const name of ["sslmode", ...FILES]) address.searchParams.delete(name);
  return postgres(address.href, { ...options, ssl, connection: { ...SESSION, ...options.connection } });
}

/** @returns what is wrong with the TLS that a database's address asks for, or nothing */
export function objectionToAddress(url: string): string | undefined {
  try {
    tlsOf(new URL(url));
    return undefined;
  } catch (error) {
    if (!(error instanceof DatabaseAddressError)) throw error;
    return error.explanation;
  }
}

function tlsOf({ searchParams }: URL): Exclude<Options["ssl"], string | undefined> {
  const given = (name: string) => searchParams.get(name) || undefined;
  const mode = given("sslmode") ?? "disable";
  const unused = FILES.find((name) => mode === "disable" && given(name) !== undefined);
  if (unused !== undefined) throw new DatabaseAddressError(`has ${unused} but no sslmode: add sslmode=verify-full`);
  const files = {
    ...{ ca: certificate(given("sslrootcert"), "sslrootcert") },
    ...{ cert: certificate(given("sslcert"), "sslcert"), key: certificate(given("sslkey"), "sslkey") },
  };
  switch (mode) {
    case "disable":
      return false;
    case "require":
      return { ...files, rejectUnauthorized: false };
    case "verify-ca":
      return { ...files, rejectUnauthorized: true, checkServerIdentity: () => undefined };
    case "verify-full":
      return { ...files, rejectUnauthorized: true };
    default:
      throw new DatabaseAddressError(`has sslmode=${mode}: it must be disable, require, verify-ca or verify-full`);
  }
}

function certificate(path: string | undefined, name: string): string | undefined {
  if (path === undefined) return undefined;
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    throw new DatabaseAddressError(`names a file as ${name} that cannot be read: ${errorText(error)}`);
  }
}
