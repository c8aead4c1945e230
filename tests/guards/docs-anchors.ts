import { dirname, join, normalize } from "node:path/posix";

/** A link of a Markdown file to a heading, of a file named from the root of the repository. */
export interface HeadingLink {
  readonly text: string;
  readonly line: number;
  readonly file: string;
  readonly anchor: string;
}

const FENCE = /^\s*(?:```|~~~)/;
const HEADING = /^#{1,6} +(?<title>.+?) *#* *$/;
const LINK = /\]\((?<target>[^)\s]+)(?:\s+"[^"]*")?\)/g;
/** What GitHub leaves out of an anchor: all but letters, marks, digits, connectors such as `_`, hyphens and spaces. */
const LEFT_OUT = /[^\p{L}\p{M}\p{N}\p{Pc}\- ]/gu;

/** The lines of a Markdown file outside of blocks of code, with their numbers. */
function linesOf(markdown: string): readonly (readonly [number, string])[] {
  let inBlock = false;
  return markdown.split("\n").flatMap((text, index) => {
    const isFence = FENCE.test(text);
    if (isFence) inBlock = !inBlock;
    return isFence || inBlock ? [] : [[index + 1, text] as const];
  });
}

/** The anchors that GitHub gives to the headings of a Markdown file: the second one of the same title ends in `-1`. */
export function anchorsOf(markdown: string): ReadonlySet<string> {
  const anchors = new Set<string>();
  for (const [, text] of linesOf(markdown)) {
    const title = HEADING.exec(text)?.groups?.["title"];
    if (title === undefined) continue;
    const shown = title.replaceAll(/!?\[(?<shown>[^\]]*)\]\([^)]*\)/g, "$<shown>");
    const slug = shown.toLowerCase().replaceAll(LEFT_OUT, "").replaceAll(" ", "-");
    let anchor = slug;
    for (let again = 1; anchors.has(anchor); again += 1) anchor = `${slug}-${again}`;
    anchors.add(anchor);
  }
  return anchors;
}

/**
 * The links of a Markdown file to headings, its own or those of another Markdown file.
 * @param file its path from the root
 */
export function headingLinks(file: string, markdown: string): readonly HeadingLink[] {
  return linesOf(markdown).flatMap(([line, text]) =>
    [...text.matchAll(LINK)].flatMap(({ groups }) => {
      const target = groups?.["target"] ?? "";
      const [path = "", anchor] = target.split("#");
      if (anchor === undefined || /^[a-z]+:/i.test(target) || !/(?:^|\.md)$/.test(path)) return [];
      const named = path === "" ? file : normalize(join(dirname(file), decodeURI(path)));
      return [{ text: target, line, file: named, anchor: decodeURIComponent(anchor) }];
    }),
  );
}
