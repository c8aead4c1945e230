/** A test that a document names as what shows a sentence: a link to its file, with the test's name as the link's title. */
export interface NamedTest {
  readonly line: number;
  /** As the document writes it, relative to the document. */
  readonly target: string;
  readonly name: string;
}

const NAMED_TEST = /\]\((?<target>[^)\s]+\.test\.tsx?)\s+"(?<name>[^"]+)"\)/g;

/** The tests that a Markdown text names. */
export function namedTests(markdown: string): readonly NamedTest[] {
  return markdown.split("\n").flatMap((text, index) =>
    [...text.matchAll(NAMED_TEST)].map(({ groups }) => ({
      line: index + 1,
      target: groups?.["target"] ?? "",
      name: groups?.["name"] ?? "",
    })),
  );
}

/** Whether a test's source gives a test this name, as it stands there: `%s` and `${…}` are not filled in. */
export function hasTest(source: string, name: string): boolean {
  return ['"', "`", "'"].some((quote) => {
    const at = source.indexOf(`${quote}${name}${quote}`);
    return at >= 0 && /(?:\b(?:test|describe)|\.each\(.*\))\(\s*$/s.test(source.slice(Math.max(0, at - 200), at));
  });
}
