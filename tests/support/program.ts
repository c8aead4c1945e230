import { join } from "node:path";

const root = join(import.meta.dir, "../..");

/**
 * Runs a program in the root of the repository.
 * @returns what it wrote to standard output
 * @throws with what it wrote when it fails
 */
export async function run(command: readonly string[], environment: Record<string, string> = {}): Promise<string> {
  const program = Bun.spawn([...command], {
    cwd: root,
    env: { ...process.env, ...environment },
    stdout: "pipe",
    stderr: "pipe",
  });
  const [out, errors, code] = await Promise.all([
    new Response(program.stdout).text(),
    new Response(program.stderr).text(),
    program.exited,
  ]);
  if (code !== 0) throw new Error(`${command.join(" ")} failed:\n${errors.slice(-3_000)}${out.slice(-3_000)}`);
  return out;
}
