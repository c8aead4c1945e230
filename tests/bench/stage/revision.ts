import { SetupError } from "@shop/local/setup-error";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** Another revision of the repository, with its dependencies, in a folder of its own. */
export interface Revision {
  readonly root: string;
  /** Abbreviated. */
  readonly commit: string;
  remove(): Promise<void>;
}

/**
 * Checks a revision out as a temporary git worktree and installs what its lock file names.
 * @throws SetupError when git does not know the revision, or its dependencies cannot be installed
 */
export async function checkOut(repository: string, revision: string): Promise<Revision> {
  const commit = await run(["git", "rev-parse", "--short", `${revision}^{commit}`], repository);
  const folder = await mkdtemp(join(tmpdir(), "bench-"));
  const root = join(folder, "base");
  const remove = async () => {
    await run(["git", "worktree", "remove", "--force", root], repository);
    await rm(folder, { recursive: true });
  };
  try {
    await run(["git", "worktree", "add", "--quiet", "--detach", root, commit], repository);
  } catch (error) {
    await rm(folder, { recursive: true });
    throw error;
  }
  try {
    await run([process.execPath, "install", "--frozen-lockfile"], root);
    return { root, commit, remove };
  } catch (error) {
    await remove();
    throw error;
  }
}

async function run(command: readonly string[], cwd: string): Promise<string> {
  const child = Bun.spawn([...command], { cwd, stdout: "pipe", stderr: "pipe" });
  const [out, errors, code] = await Promise.all([child.stdout.text(), child.stderr.text(), child.exited]);
  if (code !== 0) throw new SetupError(`\`${command.join(" ")}\` failed: ${errors.trim()}`);
  return out.trim();
}
