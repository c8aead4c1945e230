import { join } from "node:path";
import { REPOSITORY } from "../../guards/repository.ts";
import type { Mistake } from "./bugs.ts";

/**
 * The source of a file with a bug in it.
 * @throws Error when the file is not what the bug was made for
 */
export function withBug(source: string, { file, found, replaced, also = [] }: Mistake): string {
  return [[found, replaced] as const, ...also].reduce((text, [before, after]) => {
    const parts = text.split(before);
    if (parts.length !== 2) throw new Error(`${file} has ${parts.length - 1} times: ${before}`);
    return parts.join(after);
  }, source);
}

/** Has the bug's file loaded with the bug in it. Whatever loads it must be imported afterwards. */
export function inject(bug: Mistake): void {
  const path = join(REPOSITORY, bug.file);
  Bun.plugin({
    name: "seeded bug",
    setup(build) {
      build.onLoad({ filter: new RegExp(`${bug.file.replaceAll(/[.\\/]/g, ".")}$`) }, async () => ({
        contents: withBug(await Bun.file(path).text(), bug),
        loader: "ts",
      }));
    },
  });
}
