import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

/** The folder that this repository lies in. */
export const REPOSITORY = fileURLToPath(new URL("../..", import.meta.url));

const INSTALLED = new Set(["node_modules", ".git"]);

/** Every file and folder of the repository, by its path from the root, but for what is installed. */
export async function repositoryPaths(folder = ""): Promise<readonly string[]> {
  const entries = await readdir(join(REPOSITORY, folder), { withFileTypes: true });
  const paths = entries
    .filter(({ name }) => !INSTALLED.has(name))
    .map(async (entry) => {
      const path = join(folder, entry.name);
      return entry.isDirectory() ? [path, ...(await repositoryPaths(path))] : [path];
    });
  return (await Promise.all(paths)).flat();
}

/**
 * The files that git tracks, by their path from the root.
 * @throws an Error when this is not a clone
 */
export async function trackedFiles(): Promise<readonly string[]> {
  const git = Bun.spawn(["git", "-c", "safe.directory=*", "ls-files", "-z"], {
    cwd: REPOSITORY,
    stdout: "pipe",
    stderr: "pipe",
  });
  const [output, errors, exitCode] = await Promise.all([git.stdout.text(), git.stderr.text(), git.exited]);
  if (exitCode !== 0) throw new Error(`git does not list the tracked files of ${REPOSITORY}: ${errors.trim()}`);
  return output.split("\0").filter((path) => path !== "");
}
