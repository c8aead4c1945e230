/** Semantic versioning 2.0.0 without build metadata, which the tag of an image cannot hold. */
const VERSION =
  /^(?:0|[1-9]\d*)(?:\.(?:0|[1-9]\d*)){2}(?:-(?:0|[1-9]\d*|\d*[a-z-][\da-z-]*)(?:\.(?:0|[1-9]\d*|\d*[a-z-][\da-z-]*))*)?$/i;

/** The text under `## [NAME] …`, without its heading; undefined where there is none. */
function sectionOf(changelog: string, heading: RegExp): string | undefined {
  const lines = changelog.split("\n");
  const from = lines.findIndex((line) => heading.test(line));
  if (from === -1) return undefined;
  const to = lines.findIndex((line, index) => index > from && line.startsWith("## "));
  return lines
    .slice(from + 1, to === -1 ? undefined : to)
    .join("\n")
    .trim();
}

const dated = (version: string) => new RegExp(String.raw`^## \[${RegExp.escape(version)}\] - \d{4}-\d{2}-\d{2}$`);

/**
 * What a release says.
 * @param tag of the commit: `v1.0.0`
 * @param version of package.json
 * @param changelog in the format of Keep a Changelog
 * @returns the changelog's section of this version
 * @throws where they do not fit together, with what to do
 */
export function notesOf(tag: string, version: string, changelog: string): string {
  if (!VERSION.test(version)) {
    throw new Error(`"version" of package.json is ${version}: write a semantic version, such as 1.0.0 or 1.1.0-rc.1`);
  }
  if (tag !== `v${version}`) {
    throw new Error(
      `the tag is ${tag} and the version of package.json ${version}: tag a commit of that version as v${version}`,
    );
  }
  const notes = sectionOf(changelog, dated(version));
  if (notes === undefined || notes === "") {
    throw new Error(
      `CHANGELOG.md says nothing under \`## [${version}] - YYYY-MM-DD\`: give what is unreleased this heading`,
    );
  }
  return notes;
}

/** Whether the changelog has the version's section, or says that what is unreleased becomes this version. */
export function announces(changelog: string, version: string): boolean {
  if (sectionOf(changelog, dated(version)) !== undefined) return true;
  const unreleased = sectionOf(changelog, /^## \[Unreleased\]$/) ?? "";
  return unreleased.startsWith(`To be released as ${version}.\n`);
}
