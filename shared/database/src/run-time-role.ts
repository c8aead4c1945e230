import { ADVISORY_LOCKS } from "./advisory-locks.ts";
import { ExplainedError } from "@shop/runtime/errors";
import { createHash, createHmac, pbkdf2Sync, randomBytes } from "node:crypto";
import type postgres from "postgres";
import { openClient } from "./client.ts";

/** Tables whose rows the run-time role can only add and read. What retention deletes of them goes by a function of the migration role. */
export const APPEND_ONLY_TABLES: readonly string[] = ["audit_entry", "stock_change"];

/** The roles of the two addresses cannot be what they are to be. */
class RunTimeRoleError extends ExplainedError {
  override readonly name = "RunTimeRoleError";
}

/**
 * Lets the run-time role work with what the migration role owns, and do nothing else: read and write rows, of `APPEND_ONLY_TABLES` read and add
 * them; no DDL, no TRUNCATE, no other right that it had before. It is applied after the migrations, in one transaction. Where the migration role
 * may create roles, it creates the run-time role, and gives it the password of its address each time.
 * @param migrationUrl of the role that owns the database and its tables
 * @param runTimeUrl of the same database; with the same role in it nothing is done
 * @throws RunTimeRoleError when the run-time role does not exist and cannot be created, or has rights by itself that grants cannot take away
 */
export async function grantRunTimeRole(migrationUrl: string, runTimeUrl: string): Promise<void> {
  const [role, owner] = [nameOf(runTimeUrl), nameOf(migrationUrl)];
  if (role === owner) return;
  const client = openClient(migrationUrl, {
    max: 1,
    connect_timeout: 2,
    onnotice: () => undefined,
    connection: { application_name: "migration" },
  });
  try {
    await client.begin(async (tx) => {
      await tx`select pg_advisory_xact_lock(${ADVISORY_LOCKS.grant})`;
      await ensureRole(tx, { role, owner, password: decodeURIComponent(new URL(runTimeUrl).password) });
      await grant(tx, role);
    });
  } finally {
    await client.end({ timeout: 5 });
  }
}

const nameOf = (url: string) => decodeURIComponent(new URL(url).username);

interface Roles {
  readonly role: string;
  readonly owner: string;
  readonly password: string;
}

async function ensureRole(tx: postgres.TransactionSql, { role, owner, password }: Roles): Promise<void> {
  const [self] = await tx`select rolsuper or rolcreaterole as creates from pg_roles where rolname = current_user`;
  const [found] = await tx`
    select rolsuper or rolcreaterole or rolcreatedb or rolreplication or rolbypassrls as powerful,
      pg_has_role(oid, current_user, 'member') as owns
    from pg_roles where rolname = ${role}`;
  if (found?.["powerful"] === true || found?.["owns"] === true)
    throw new RunTimeRoleError(
      `the role ${role} of DATABASE_URL is a superuser, may create roles or databases, or is a member of ${owner}: name a role in DATABASE_URL that is none of these`,
    );
  if (self?.["creates"] === true) {
    const verb = tx.unsafe(found === undefined ? "create" : "alter");
    // A password cannot be a parameter of this statement, and the server may log it: so it goes as what the server would store.
    await tx`${verb} role ${tx(role)} login password ${tx.unsafe(`'${scramVerifier(password)}'`)}`;
  } else if (found === undefined) {
    throw new RunTimeRoleError(
      `the role ${role} of DATABASE_URL does not exist, and ${owner} of MIGRATION_DATABASE_URL may not create it: as an administrator of the server, create role "${role}" login password '…'`,
    );
  }
}

async function grant(tx: postgres.TransactionSql, role: string): Promise<void> {
  const [database] = await tx`select current_database() as name`;
  const [name, to] = [tx(String(database?.["name"])), tx(role)];
  await tx`revoke all on database ${name} from public, ${to}`;
  await tx`grant connect on database ${name} to ${to}`;
  await tx`revoke create on schema public from public`;
  for (const schema of ["public", "drizzle"]) {
    await tx`revoke all on schema ${tx(schema)} from ${to}`;
    await tx`grant usage on schema ${tx(schema)} to ${to}`;
    await tx`revoke all on all tables in schema ${tx(schema)} from ${to}`;
    await tx`revoke all on all sequences in schema ${tx(schema)} from ${to}`;
  }
  // Whether all migrations have been applied.
  await tx`grant select on all tables in schema drizzle to ${to}`;
  await tx`grant select, insert, update, delete on all tables in schema public to ${to}`;
  await tx`grant usage on all sequences in schema public to ${to}`;
  // For the moments between the next migration and these grants.
  await tx`alter default privileges in schema public grant select, insert, update, delete on tables to ${to}`;
  await tx`alter default privileges in schema public grant usage on sequences to ${to}`;
  const appendOnly = await tx`
    select tablename from pg_tables where schemaname = 'public' and tablename = any(${[...APPEND_ONLY_TABLES]})`;
  for (const { tablename } of appendOnly) await tx`revoke update, delete on table ${tx(String(tablename))} from ${to}`;
}

const ITERATIONS = 4_096;

/** What PostgreSQL stores of a password (RFC 5803, SCRAM-SHA-256). */
function scramVerifier(password: string): string {
  const salt = randomBytes(16);
  const salted = pbkdf2Sync(password.normalize("NFKC"), salt, ITERATIONS, 32, "sha256");
  const keyOf = (text: string) => createHmac("sha256", salted).update(text).digest();
  const storedKey = createHash("sha256").update(keyOf("Client Key")).digest("base64");
  return `SCRAM-SHA-256$${ITERATIONS}:${salt.toString("base64")}$${storedKey}:${keyOf("Server Key").toString("base64")}`;
}
