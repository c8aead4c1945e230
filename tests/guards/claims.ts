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

/** Sentences that promise something for every case, which a document may not say without saying what shows it. */
const STRONG =
  /\bno (?:call|publication|token) (?:fails|is refused|of any kind)|\b(?:fails|costs|loses) no (?:call|message|order)|\bnothing is (?:lost|doubled|done twice)|\bno (?:message|order) is lost/i;
const NAMES_PROOF = /[\w./-]+\.test\.tsx?|reliability\.md/;

/** The lines of a Markdown text, `NUMBER: TEXT`, that promise much and name neither a test nor the page that says what was tried. */
export function bareClaims(markdown: string): readonly string[] {
  return markdown
    .split("\n")
    .map((text, index) => ({ text, line: index + 1 }))
    .filter(({ text }) => STRONG.test(text) && !NAMES_PROOF.test(text))
    .map(({ text, line }) => `${line}: ${text.slice(0, 120)}`);
}
