import { homedir } from "node:os";
import { join } from "node:path";

/** Names that Chromium and its kin are installed under. */
const PROGRAMS = ["chromium", "chromium-browser", "google-chrome-stable", "google-chrome", "chrome"];
/** Where Playwright puts the ones that it downloads: a folder per system, and in it these. */
const PLAYWRIGHT_FOLDERS = [".cache/ms-playwright", "Library/Caches/ms-playwright"];
const PLAYWRIGHT_PROGRAMS = [
  "chromium-*/chrome-linux*/chrome",
  "chromium-*/chrome-mac*/Chromium.app/Contents/MacOS/Chromium",
];

/** What to do on a machine that has no browser for the tests. */
export const HOW_TO_GET_CHROMIUM =
  "install Chromium (Debian: apt-get install chromium), or `bun x playwright-core install chromium`, or set CHROMIUM_PATH to one";

/** The path of a Chromium on this machine: the one that `CHROMIUM_PATH` names, an installed one, or Playwright's; undefined when there is none. */
export async function findChromium(
  environment: Readonly<Record<string, string | undefined>>,
): Promise<string | undefined> {
  const given = environment["CHROMIUM_PATH"];
  if (given) return given;
  for (const program of PROGRAMS) {
    const path = Bun.which(program, { PATH: environment["PATH"] ?? "" });
    if (path !== null) return path;
  }
  const home = environment["HOME"] || homedir();
  const own = environment["PLAYWRIGHT_BROWSERS_PATH"];
  for (const folder of own ? [own] : PLAYWRIGHT_FOLDERS.map((name) => join(home, name))) {
    for (const program of PLAYWRIGHT_PROGRAMS) {
      // A folder that does not exist has no files.
      const found = await Array.fromAsync(new Bun.Glob(program).scan({ cwd: folder, absolute: true })).catch(() => []);
      if (found[0] !== undefined) return found[0];
    }
  }
  return undefined;
}
