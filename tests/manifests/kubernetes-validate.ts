import { mkdtemp, rename, rm, stat } from "node:fs/promises";
import { homedir, tmpdir } from "node:os";
import { join } from "node:path";
import { run } from "../support/program.ts";

/** A validator that brings the schemas of Kubernetes' releases with it, so that it needs no network when it runs. */
const VERSION = "1.37.0";
/** The oldest release that the manifests are for: it knows `preStop.sleep`. */
const KUBERNETES = "1.33";

/** Installs the validator from PyPI (once, 23 MB) and gives the path of its program. */
async function validator(): Promise<string> {
  const cache = join(process.env["XDG_CACHE_HOME"] || join(homedir(), ".cache"), "order-delivery");
  const folder = join(cache, `kubernetes-validate-${VERSION}`);
  const program = join(folder, "bin", "kubernetes-validate");
  if (await stat(program).catch(() => undefined)) return program;
  await rm(folder, { recursive: true, force: true });
  await run(["python3", "-m", "venv", folder]);
  try {
    await run([join(folder, "bin", "pip"), "install", "--quiet", "--no-compile", `kubernetes-validate==${VERSION}`]);
  } catch (error) {
    await rename(folder, await mkdtemp(join(tmpdir(), "kubernetes-validate-")));
    throw error;
  }
  return program;
}

/**
 * Holds manifests against the schema of Kubernetes, in which a field that it does not know is an error.
 * @returns the lines of the validator that say no, or that it knows no schema
 */
export async function objections(manifests: string): Promise<readonly string[]> {
  const program = await validator();
  const folder = await mkdtemp(join(tmpdir(), "manifests-"));
  try {
    const file = join(folder, "all.yaml");
    await Bun.write(file, manifests);
    const checked = Bun.spawn([program, "--kubernetes-version", KUBERNETES, "--strict", file], {
      stdout: "pipe",
      stderr: "pipe",
    });
    const written = await Promise.all([new Response(checked.stdout).text(), new Response(checked.stderr).text()]);
    const lines = written.join("\n").split("\n");
    if (!lines.some((line) => line.startsWith("INFO"))) throw new Error(`nothing was validated: ${lines.join("\n")}`);
    return lines.filter((line) => line !== "" && !line.startsWith("INFO"));
  } finally {
    await rm(folder, { recursive: true });
  }
}
