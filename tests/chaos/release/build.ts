import { cp, mkdir, symlink } from "node:fs/promises";
import { join } from "node:path";
import type { Edit } from "./edits.ts";

const repositoryFolder = join(import.meta.dir, "../../..");
/** What services are made of; their libraries are those of this checkout. */
const PARTS = ["services", "shared", "package.json", "bunfig.toml", "tsconfig.json"];

/**
 * Copies the code and edits it, so that services can be run from the copy.
 * @param folder does not exist yet
 * @throws when the text that an edit is about does not stand in its file once
 */
export async function buildRelease(folder: string, edits: readonly Edit[]): Promise<string> {
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
  return folder;
}
