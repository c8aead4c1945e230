import { basename, dirname, join, normalize } from "node:path/posix";

/** A path that a Markdown file names, as it is written and as a pattern from the root of the repository. */
export interface NamedPath {
  readonly text: string;
  readonly line: number;
  readonly pattern: string;
}

const FENCE = /^\s*(?:```|~~~)/;
const LINK = /\]\((?<target>[^)\s]+)(?:\s+"[^"]*")?\)/g;
const CODE = /`(?<code>[^`]+)`/g;
const FILE_NAME = /^\.?[\w-]+(?:\.[\w-]+)*\.(?:ts|tsx|json|jsonc|toml|yaml|yml|sql|md|xml|patch|lock)$/;
/** Stands for any name, as in `services/NAME/migrations`. */
const PLACEHOLDER = /\b[A-Z]{4,}\b|<[a-z]+>|…/g;

/**
 * The paths that a Markdown file names: targets of links, and words in backticks that begin with a folder of the repository or are a file's name.
 * Commands, addresses and blocks of code are none.
 * @param file its path from the root
 * @param topLevel the names in the root of the repository
 */
export function namedPaths(file: string, markdown: string, topLevel: ReadonlySet<string>): readonly NamedPath[] {
  const found: NamedPath[] = [];
  let inBlock = false;
  for (const [index, text] of markdown.split("\n").entries()) {
    if (FENCE.test(text)) inBlock = !inBlock;
    if (inBlock || FENCE.test(text)) continue;
    const line = index + 1;
    for (const { groups } of text.matchAll(LINK)) {
      const target = (groups?.["target"] ?? "").replace(/#.*$/, "");
      if (target === "" || /^[a-z]+:/i.test(target)) continue;
      found.push({ text: target, line, pattern: normalize(join(dirname(file), decodeURI(target))) });
    }
    for (const { groups } of text.replaceAll(LINK, "").matchAll(CODE)) {
      const code = groups?.["code"] ?? "";
      const pattern = patternOf(file, code, topLevel);
      if (pattern !== null) found.push({ text: code, line, pattern });
    }
  }
  return found;
}

function patternOf(file: string, code: string, topLevel: ReadonlySet<string>): string | null {
  if (/\s/.test(code)) return null;
  const path = code.replace(/:\d+$/, "").replaceAll(PLACEHOLDER, "*");
  if (/^\.{1,2}\//.test(path)) return normalize(join(dirname(file), path));
  const [first = "", ...rest] = path.split("/");
  if (rest.length > 0) return topLevel.has(first) ? path : null;
  return FILE_NAME.test(path) ? `**/${basename(path)}` : null;
}
