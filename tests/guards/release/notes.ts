import { join } from "node:path";
import { REPOSITORY } from "../repository.ts";
import { notesOf } from "./changelog.ts";

/** Prints what the release of a tag says, or why the tag cannot be released. */
const [tag, ...rest] = process.argv.slice(2);
if (tag === undefined || rest.length > 0) {
  process.stderr.write("usage: bun run release:notes TAG\nTAG is v and the version of package.json, such as v1.0.0.\n");
  process.exit(2);
}
const { version } = (await Bun.file(join(REPOSITORY, "package.json")).json()) as { readonly version: string };
try {
  process.stdout.write(`${notesOf(tag, version, await Bun.file(join(REPOSITORY, "CHANGELOG.md")).text())}\n`);
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exit(1);
}
