import { cp, mkdir, symlink } from "node:fs/promises";
import { join } from "node:path";
import type { Edit } from "./edits.ts";

const repositoryFolder = join(import.meta.dir, "../../..");
/** What services are made of; their libraries are those of this checkout. */
const PARTS = ["services", "shared", "package.json", "bunfig.toml", "tsconfig.json"];

/**
 * Copies the code and edits it, so that services can be run from the copy, and derives from its saga what the contracts know of it.
 * @param folder does not exist yet
 * @param added files that the copy has besides, by path
 * @throws when the text that an edit is about does not stand in its file once
 */
export async function buildRelease(
  folder: string,
  edits: readonly Edit[],
  added: Readonly<Record<string, string>> = {},
): Promise<string> {
  await mkdir(folder);
  for (const part of PARTS)
    await cp(join(repositoryFolder, part), join(folder, part), { recursive: true, verbatimSymlinks: true });
  await symlink(join(repositoryFolder, "node_modules"), join(folder, "node_modules"));
  for (const { file, from, to } of edits) {
    const path = join(folder, file);
    const pieces = (await Bun.file(path).text()).split(from);
    if (pieces.length !== 2)
      throw new Error(`the next release changes "${from}" in ${file}, where it stands ${pieces.length - 1} times`);
    await Bun.write(path, pieces.join(to));
  }
  for (const [file, text] of Object.entries(added)) await Bun.write(join(folder, file), text);
  await Bun.$`${process.execPath} services/orchestrator/src/testing/publish-saga.ts`.cwd(folder).quiet();
  return folder;
}
