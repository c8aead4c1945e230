import { randomBytes } from "node:crypto";
import { chown, mkdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import postgres from "postgres";
import { freePort, requireFreePorts } from "./free-port.ts";
import { describeExit, type GuardedProcess, startGuarded } from "./guarded-process.ts";
import { findPostgresBinaries, reachableFolder, unprivilegedUser } from "./postgres-binaries.ts";
import { explainFailure, isDiskFull } from "./setup-error.ts";

export interface PostgresOptions {
  /** A folder that does not exist yet, in one that exists. It is left behind by `stop`: anyone who owns the folder around it removes that. */
  readonly dataDir: string;
  /** A free one by default. */
  readonly port?: number;
  /** Whether a commit waits for the disk; `false` only for data that nobody misses. True by default. */
  readonly fsync?: boolean;
  /** Whether it also listens on a socket in its data folder, which is for its own user and root. False by default. */
  readonly socket?: boolean;
  /** The server's key and certificate, as PEM: then it takes connections with TLS, too. */
  readonly tls?: { readonly key: string; readonly certificate: string };
  /** Each line that the server writes. */
  readonly log?: (line: string) => void;
}

/** A PostgreSQL server of our own on 127.0.0.1. */
export interface LocalPostgres {
  readonly port: number;
  /** As superuser, database `postgres`. */
  readonly url: string;
  /** Makes a role and a database with this name; the role owns the database and, like every other role, can connect to no other. */
  createDatabase(name: string): Promise<string>;
  /** As a power cut ends it (SIGKILL); resolves when all its processes are gone. */
  kill(): Promise<void>;
  /** Starts it again on the same port and data; stops it first when it runs. */
  restart(): Promise<void>;
  /** Ends it for good. */
  stop(): Promise<void>;
}

const READY_TIMEOUT_MS = 120_000;
/** "Fast" shutdown ends the connections and writes a checkpoint; after this long it is cut short. */
const STOP_TIMEOUT_MS = 10_000;

/** @throws SetupError in a person's words when this machine cannot run it */
export async function startPostgres({
  dataDir,
  port: wantedPort,
  fsync = true,
  socket = false,
  tls,
  log,
}: PostgresOptions): Promise<LocalPostgres> {
  const runAs = await unprivilegedUser();
  await reachableFolder([join(dataDir, "..")], runAs);
  const binaries = await findPostgresBinaries(runAs, `${dataDir}-binaries`);
  if (wantedPort !== undefined)
    await requireFreePorts(
      [{ port: wantedPort, owner: "PostgreSQL" }],
      "set the *_DATABASE_URL variables to a server of your own",
    );
  const port = wantedPort ?? (await freePort());
  const password = newPassword();
  const url = urlOf("postgres", password, port, "postgres");

  const environment = { LC_ALL: "C", TZ: "UTC" };
  await initialise();
  for (const [name, content] of [
    ["server.key", tls?.key],
    ["server.crt", tls?.certificate],
  ] as const) {
    if (content === undefined) continue;
    const path = join(dataDir, name);
    await writeFile(path, content, { mode: 0o600 });
    if (runAs !== undefined) await chown(path, runAs.uid, runAs.gid);
  }
  let server = await launch();
  await isolateSystemDatabases(url);

  async function initialise(): Promise<void> {
    const passwordFile = `${dataDir}.password`;
    try {
      await mkdir(dataDir, { mode: 0o700 });
      await writeFile(passwordFile, password, { mode: 0o600 });
      if (runAs !== undefined) for (const path of [dataDir, passwordFile]) await chown(path, runAs.uid, runAs.gid);
      const initdb = await startGuarded({
        command: [
          binaries.initdb,
          `--pgdata=${dataDir}`,
          "--username=postgres",
          `--pwfile=${passwordFile}`,
          "--auth=scram-sha-256",
          "--encoding=UTF8",
          // The server's own collation sorts the same on every system and needs no locale of the machine.
          "--locale-provider=builtin",
          "--builtin-locale=C.UTF-8",
          "--locale=C",
          // Nothing is lost when this is cut short by a power cut: it is done again.
          "--no-sync",
        ],
        environment,
        cwd: "/",
        runAs,
      });
      const exit = await initdb.exited;
      if (exit.code !== 0) throw explainFailure("PostgreSQL", "could not set up its data folder", initdb.lastLines());
    } catch (error) {
      if (isDiskFull(error)) throw explainFailure("PostgreSQL", "could not set up its data folder", ["ENOSPC"]);
      throw error;
    } finally {
      await rm(passwordFile, { force: true });
    }
  }

  async function launch(): Promise<GuardedProcess> {
    const settings = {
      listen_addresses: "127.0.0.1",
      unix_socket_directories: socket ? dataDir : "",
      max_connections: "300",
      fsync: fsync ? "on" : "off",
      synchronous_commit: fsync ? "on" : "off",
      full_page_writes: fsync ? "on" : "off",
      // No row and no parameter in its log, as on the servers of every deployment.
      log_error_verbosity: "terse",
      log_parameter_max_length: "0",
      log_parameter_max_length_on_error: "0",
      // Found in the data folder, by their usual names.
      ssl: tls === undefined ? "off" : "on",
    };
    const process = await startGuarded({
      command: [
        binaries.postgres,
        "-D",
        dataDir,
        "-p",
        String(port),
        ...Object.entries(settings).flatMap(([name, value]) => ["-c", `${name}=${value}`]),
      ],
      environment,
      cwd: "/",
      runAs,
      // "Immediate" shutdown: its shared memory is given back, which SIGKILL leaves behind.
      orphanSignal: "QUIT",
      onLine: log,
    });
    await untilReady(process, url);
    return process;
  }

  return {
    port,
    url,
    createDatabase: (name) => createOwnedDatabase(url, port, name),
    async kill() {
      await server.stop("SIGKILL", 0);
    },
    async restart() {
      if (server.isRunning()) await server.stop("SIGINT", STOP_TIMEOUT_MS);
      await server.exited;
      server = await launch();
    },
    async stop() {
      // "Immediate" shutdown: nobody reads its data again, and the checkpoint of an orderly one takes seconds on a busy disk.
      await server.stop("SIGQUIT", STOP_TIMEOUT_MS);
    },
  };
}

async function untilReady(server: GuardedProcess, url: string): Promise<void> {
  const deadline = performance.now() + READY_TIMEOUT_MS;
  for (;;) {
    if (!server.isRunning()) throw explainFailure("PostgreSQL", describeExit(await server.exited), server.lastLines());
    const refusal = await tryConnect(url);
    if (refusal === undefined) return;
    if (performance.now() > deadline) {
      await server.stop("SIGKILL", 0);
      throw explainFailure(
        "PostgreSQL",
        `took no connection within ${READY_TIMEOUT_MS / 1000} s (${refusal})`,
        server.lastLines(),
      );
    }
    await Bun.sleep(25);
  }
}

/** @returns why not, or nothing when a statement was answered */
export async function tryConnect(url: string): Promise<string | undefined> {
  const client = postgres(url, { max: 1, connect_timeout: 2, onnotice: () => undefined });
  try {
    await client`select 1`;
    return undefined;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  } finally {
    await client.end({ timeout: 1 });
  }
}

/** By default every role may connect to every database. */
export async function isolateSystemDatabases(url: string): Promise<void> {
  const client = postgres(url, { max: 1, onnotice: () => undefined });
  try {
    await client`revoke connect, temporary on database postgres, template1 from public`;
  } finally {
    await client.end({ timeout: 5 });
  }
}

/** @param adminUrl of a role that may create roles and databases, on the server that listens on `port` */
export async function createOwnedDatabase(adminUrl: string, port: number, name: string): Promise<string> {
  if (!/^[a-z][a-z0-9_]{0,62}$/.test(name))
    throw new Error(`${JSON.stringify(name)} is no name for a database here: use a to z, digits and _`);
  const password = newPassword();
  const client = postgres(adminUrl, { max: 1, onnotice: () => undefined });
  try {
    // A password cannot be a parameter of this statement; this one is hexadecimal. Names are quoted: some services are named by a word of SQL.
    await client`create role ${client(name)} login password ${client.unsafe(`'${password}'`)}`;
    await client`create database ${client(name)} owner ${client(name)}`;
    await client`revoke all on database ${client(name)} from public`;
  } finally {
    await client.end({ timeout: 5 });
  }
  return urlOf(name, password, port, name);
}

/**
 * A role beside the owner of a database, without any right yet: the service's migrations give it what it needs.
 * @param adminUrl of a role that may create roles
 * @returns the database's address with the new role
 */
export async function createRunTimeRole(adminUrl: string, ownerUrl: string): Promise<string> {
  const url = new URL(ownerUrl);
  const password = newPassword();
  const client = postgres(adminUrl, { max: 1, onnotice: () => undefined });
  try {
    const role = `${url.username}_service`;
    await client`create role ${client(role)} login password ${client.unsafe(`'${password}'`)}`;
    return Object.assign(url, { username: role, password }).href;
  } finally {
    await client.end({ timeout: 5 });
  }
}

export function newPassword(): string {
  return randomBytes(16).toString("hex");
}

function urlOf(user: string, password: string, port: number, database: string): string {
  return `postgres://${user}:${password}@127.0.0.1:${port}/${database}`;
}
