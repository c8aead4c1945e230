import { mkdir, mkdtemp, readdir, realpath, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { REPOSITORY } from "./repository.ts";

/** Packages that seeded code may import: the tools' own, and what shared/messaging depends on. */
const INSTALLED = ["node_modules", "shared/messaging/node_modules"];

/** A small repository in a temporary folder, with this one's settings and packages, for a tool to run on. */
export interface SeededRepository extends AsyncDisposable {
  /** Runs a tool of this repository on it, as `bun run` would. */
  run(
    tool: "oxlint/bin/oxlint" | "oxfmt/bin/oxfmt" | "knip/bin/knip.js" | "typescript/bin/tsc",
    ...args: readonly string[]
  ): Promise<ToolRun>;
}

interface ToolRun {
  readonly exitCode: number;
  readonly output: string;
}

/**
 * @param settings files and folders of this repository that are in the seeded one too, by their path
 * @param files what else is in it: path to content
 */
export async function seedRepository(
  settings: readonly string[],
  files: Readonly<Record<string, string>>,
): Promise<SeededRepository> {
  const folder = await realpath(await mkdtemp(join(tmpdir(), "guards-")));
  await linkPackages(folder);
  for (const path of settings) {
    await mkdir(dirname(join(folder, path)), { recursive: true });
    await symlink(join(REPOSITORY, path), join(folder, path));
  }
  for (const [path, content] of Object.entries(files)) {
    await mkdir(dirname(join(folder, path)), { recursive: true });
    await writeFile(join(folder, path), content);
  }

  return {
    async run(tool, ...args) {
      const command = [process.execPath, join(REPOSITORY, "node_modules", tool), ...args];
      const child = Bun.spawn(command, {
        cwd: folder,
        stdout: "pipe",
        stderr: "pipe",
        env: { ...process.env, NO_COLOR: "1" },
      });
      const [output, errors, exitCode] = await Promise.all([child.stdout.text(), child.stderr.text(), child.exited]);
      return { exitCode, output: output + errors };
    },
    [Symbol.asyncDispose]: () => rm(folder, { recursive: true, force: true }),
  };
}

async function linkPackages(folder: string): Promise<void> {
  for (const source of INSTALLED) {
    for (const name of await readdir(join(REPOSITORY, source))) {
      const target = join(folder, "node_modules", name);
      await mkdir(dirname(target), { recursive: true });
      await symlink(join(REPOSITORY, source, name), target).catch((error: NodeJS.ErrnoException) => {
        if (error.code !== "EEXIST") throw error;
      });
    }
  }
}
