import { spawn } from "node:child_process";
import { once } from "node:events";
import { chmod, mkdir, mkdtemp, rm } from "node:fs/promises";
import { join } from "node:path";
import { isDiskFull, SetupError } from "./setup-error.ts";

/** A folder for the data of one run. It goes when `remove` is called, and also when this process dies without calling it. */
export interface RunFolder {
  readonly path: string;
  remove(): Promise<void>;
}

/** Waits until our process is gone, then removes the folder; again for as long as a program that is still ending writes into it. */
const JANITOR = `
trap '' INT TERM HUP
cat >/dev/null
i=0; while [ -e "$1" ] && [ $i -lt 60 ]; do rm -rf "$1"; sleep 0.1; i=$((i + 1)); done`;

/**
 * @param parent usually the system's folder for temporary files; made when absent
 * @param setting the environment variable with which a person chooses another place than `parent`
 */
export async function createRunFolder(
  parent: string,
  setting: "TMPDIR" | "XDG_CACHE_HOME" = "TMPDIR",
): Promise<RunFolder> {
  const path = await makeFolder(parent).catch((error: unknown) => {
    const reason = isDiskFull(error) ? "the disk is full" : error instanceof Error ? error.message : String(error);
    throw new SetupError(
      `No folder for this run's data can be made in ${parent}: ${reason}. Make room there, or set ${setting} to a folder that you may write to.`,
    );
  });
  // Passable, not readable: PostgreSQL may run as another user and must reach its own folder inside.
  await chmod(path, 0o711);
  const janitor = spawn("/bin/sh", ["-c", JANITOR, "janitor", path], {
    detached: true,
    stdio: ["pipe", "ignore", "ignore"],
  });
  const gone = once(janitor, "exit");
  return {
    path,
    async remove() {
      await rm(path, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 });
      janitor.stdin.end();
      await gone;
    },
  };
}

async function makeFolder(parent: string): Promise<string> {
  await mkdir(parent, { recursive: true });
  return mkdtemp(join(parent, "order-delivery-"));
}
