import { readFileSync } from "node:fs";
import postgres from "postgres";

type Options = NonNullable<Parameters<typeof postgres<Record<string, never>>>[1]>;

const FILES = ["sslrootcert", "sslcert", "sslkey"];

/** A database's address asks for a kind of TLS that does not exist here, or names a file that cannot be read. */
class DatabaseAddressError extends Error {
  override readonly name = "DatabaseAddressError";
}

/**
 * Opens a client of postgres.js. Nothing is sent before the first statement.
 * @param url `postgres://user:password@host:port/database`, and as libpq takes them `sslmode` (`disable`, `require`, `verify-ca`, `verify-full`),
 * `sslrootcert` (a file with the certificates to trust instead of the system's), `sslcert` and `sslkey` (files of the client's own)
 * @throws DatabaseAddressError
 */
export function openClient(url: string, options: Options): postgres.Sql {
  const address = new URL(url);
  const ssl = tlsOf(address);
  for (const name of ["sslmode", ...FILES]) address.searchParams.delete(name);
  return postgres(address.href, { ...options, ssl });
}

/** @returns what is wrong with the TLS that a database's address asks for, or nothing */
export function objectionToAddress(url: string): string | undefined {
  try {
    tlsOf(new URL(url));
    return undefined;
  } catch (error) {
    if (!(error instanceof DatabaseAddressError)) throw error;
    return error.message;
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
    throw new DatabaseAddressError(
      `names a file as ${name} that cannot be read: ${error instanceof Error ? error.message : String(error)}`,
    );
  }
}
