import { afterAll, beforeAll, test } from "bun:test";
import { mkdtemp, rename, rm, stat } from "node:fs/promises";
import { homedir, tmpdir } from "node:os";
import { join } from "node:path";
import { tokenOf } from "../support/requests.ts";
import { startTestSystem, type TestSystem } from "../support/test-system.ts";

/**
 * A public fuzzer of APIs reads /openapi.json as an outsider does, calls every operation with valid and with broken data, and holds each answer against the
 * document. The seed is fixed. It comes from PyPI, by the hashes of requirements.txt, once into a virtual environment in the cache.
 */
const REQUIREMENTS = join(import.meta.dir, "requirements.txt");
const CONFIG = join(import.meta.dir, "schemathesis.toml");
const SEED = "1";
const EXAMPLES_PER_OPERATION = "4";

let shop: TestSystem;
let program: string;
let folder: string;

beforeAll(async () => {
  program = await fuzzer();
  folder = await mkdtemp(join(tmpdir(), "fuzz-"));
  shop = await startTestSystem({ settings: { BUN_CONFIG_MAX_HTTP_REQUESTS: "16384" } });
}, 600_000);
afterAll(async () => {
  await shop?.stop();
  await rm(folder, { recursive: true, force: true });
}, 60_000);

/** The path of the fuzzer, which is installed first where it is missing. */
async function fuzzer(): Promise<string> {
  const version = new Bun.CryptoHasher("sha256").update(await Bun.file(REQUIREMENTS).bytes()).digest("hex");
  const cache = join(process.env["XDG_CACHE_HOME"] || join(homedir(), ".cache"), "order-delivery");
  const home = join(cache, `fuzzer-${version.slice(0, 16)}`);
  if (await stat(join(home, "bin", "st")).catch(() => undefined)) return join(home, "bin", "st");
  await rm(home, { recursive: true, force: true });
  await run(["python3", "-m", "venv", home]);
  try {
    const install = ["install", "--quiet", "--no-compile", "--require-hashes", "--only-binary", ":all:"];
    await run([join(home, "bin", "pip"), ...install, "-r", REQUIREMENTS]);
  } catch (error) {
    await rename(home, await mkdtemp(join(tmpdir(), "fuzzer-")));
    throw error;
  }
  return join(home, "bin", "st");
}

/** @throws with what a program wrote when it fails */
async function run(command: readonly string[], cwd?: string): Promise<void> {
  const child = Bun.spawn([...command], { ...(cwd && { cwd }), stdout: "pipe", stderr: "pipe" });
  const [out, errors] = await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text()]);
  if ((await child.exited) !== 0) throw new Error(`${out.slice(-20_000)}${errors.slice(-5_000)}`);
}

test.each(["customer", "rider", "admin"])(
  "every call answers as the document says, to valid and to broken data, for the role %s",
  async (role) => {
    const token = await tokenOf(shop.system.frontendUrl, role);
    const options = ["--phases", "examples,coverage,fuzzing,stateful", "--seed", SEED, "--max-examples"];
    await run(
      [
        ...[program, "--config-file", CONFIG, "run", `${shop.system.frontendUrl}/openapi.json`],
        ...["--header", `Authorization: Bearer ${token}`, ...options, EXAMPLES_PER_OPERATION],
        ...["--workers", "2", "--request-timeout", "8", "--generation-database", "none"],
        ...["--continue-on-failure", "--no-color", "--warnings", "off"],
      ],
      folder,
    );
  },
);
