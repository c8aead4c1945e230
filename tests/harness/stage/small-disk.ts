import { spawn } from "node:child_process";
import { once } from "node:events";
import { chmod, mkdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { SetupError } from "@shop/local/setup-error";

/** A file system of its own that holds little. */
export interface SmallDisk {
  readonly folder: string;
  /** Takes all the room that is left. */
  fill(): Promise<void>;
  /** Gives it back. */
  clear(): Promise<void>;
  unmount(): Promise<void>;
}

/** Waits until nobody holds its standard input any more, this process or its end, and unmounts. */
const UNMOUNTER = `
trap '' INT TERM HUP
cat >/dev/null
umount -l "$1"`;

/** @returns why this machine cannot mount one, or nothing */
export function whyNoSmallDisk(): string | undefined {
  if (process.platform !== "linux") return "a small file system in memory (tmpfs) is a feature of Linux";
  return process.getuid?.() === 0 ? undefined : "only root may mount a small file system (tmpfs)";
}

/**
 * Mounts a tmpfs.
 * @param folder does not exist yet
 * @throws SetupError when this is not allowed here, as in most containers
 */
export async function mountSmallDisk(folder: string, megabytes: number): Promise<SmallDisk> {
  await mkdir(folder);
  const mount = await Bun.$`mount -t tmpfs -o size=${megabytes}m chaos ${folder}`.quiet().nothrow();
  if (mount.exitCode !== 0)
    throw new SetupError(`a small file system cannot be mounted: ${mount.stderr.toString().trim()}`);
  const unmounter = spawn("/bin/sh", ["-c", UNMOUNTER, "unmounter", folder], {
    detached: true,
    stdio: ["pipe", "ignore", "ignore"],
  });
  const unmounted = once(unmounter, "exit");
  // PostgreSQL runs as another user.
  await chmod(folder, 0o755);
  const ballast = join(folder, "ballast");
  return {
    folder,
    async fill() {
      await Bun.$`cat /dev/zero > ${ballast}`.quiet().nothrow();
    },
    clear: () => rm(ballast, { force: true }),
    async unmount() {
      unmounter.stdin.end();
      await unmounted;
    },
  };
}
