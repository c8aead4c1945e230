/** An image or an action that a file names. */
export interface Reference {
  readonly file: string;
  readonly line: number;
  /** As it is written: `postgres:18.4-alpine`, `actions/checkout@…`. */
  readonly text: string;
}

export interface ImageReference extends Reference {
  /** `postgres`, `apache/kafka`. */
  readonly repository: string;
  /** Without the digest; null when none is written. */
  readonly tag: string | null;
}

/** Built here, under a name and no tag, or the released one: what runs it sets the release's tag or digest. */
const OWN_IMAGE = /^(?:order-delivery$|\$\{IMAGE:)/;
const YAML_IMAGE = /^[^#\n]*\bimage:\s*["']?(?<image>[^\s"',}]+)/gm;
const DOCKERFILE_IMAGE = /^FROM\s+(?:--\S+\s+)*(?<image>\S+)/gim;
const IMAGE = /^(?<repository>(?:[\w.-]+(?::\d+)?\/)*[\w.-]+)(?::(?<tag>[\w.-]+))?(?:@sha256:[0-9a-f]{64})?$/;
/** At least a major and a minor number: `18.4-alpine`, `v3.5.0`, `1.4.5-slim`. */
const EXACT_TAG = /^v?\d+\.\d+(?:\.\d+)*(?:-[a-z0-9][a-z0-9.]*)*$/;
const FLOATING_WORD = "latest|lts|stable|edge|alpine|slim|mainline";
const PINNED_ACTION = /^[\w.-]+\/[\w.-]+(?:\/[\w./-]+)?@[0-9a-f]{40} # v\d+\.\d+\.\d+$/;

/** The images that a manifest (YAML) or a Dockerfile runs or builds on. */
export function imagesOf(file: string, content: string): readonly ImageReference[] {
  const pattern = file.endsWith("Dockerfile") ? DOCKERFILE_IMAGE : YAML_IMAGE;
  return Array.from(content.matchAll(pattern), ({ index, groups }) =>
    imageAt(file, content, index, groups?.["image"] ?? ""),
  ).filter(({ repository }) => !OWN_IMAGE.test(repository));
}

/**
 * Where any other text names one of these images with a tag: a script, a test, a document.
 * @param repositories whose tags are looked for
 */
export function mentionsOf(file: string, content: string, repositories: readonly string[]): readonly ImageReference[] {
  const names = repositories.map((name) => RegExp.escape(name)).join("|");
  const mention = new RegExp(`(?<![\\w./-])(?<image>(?:${names}):(?:v?\\d|(?:${FLOATING_WORD})\\b)[\\w.-]*)`, "g");
  return Array.from(content.matchAll(mention), ({ index, groups }) =>
    imageAt(file, content, index, (groups?.["image"] ?? "").replace(/[.-]+$/, "")),
  );
}

/** Every `uses:` of a workflow, with the comment behind it, but for actions of this repository. */
export function actionsOf(file: string, content: string): readonly Reference[] {
  return Array.from(content.matchAll(/\buses:\s*(?<action>\S.*)$/gm), ({ index, groups }) => ({
    file,
    line: lineAt(content, index),
    text: (groups?.["action"] ?? "").trim(),
  })).filter(({ text }) => !text.startsWith("./"));
}

/** Whether an image's tag names one series of one minor version, with a digest or without. */
export function isExactImage({ tag }: ImageReference): boolean {
  return tag !== null && EXACT_TAG.test(tag);
}

/** Whether an action is named by its commit, with the release's tag in the comment behind it. */
export function isPinnedAction({ text }: Reference): boolean {
  return PINNED_ACTION.test(text);
}

function imageAt(file: string, content: string, index: number, text: string): ImageReference {
  const groups = IMAGE.exec(text)?.groups;
  return {
    file,
    line: lineAt(content, index),
    text,
    repository: groups?.["repository"] ?? text,
    tag: groups?.["tag"] ?? null,
  };
}

const lineAt = (content: string, index: number): number => content.slice(0, index).split("\n").length;
