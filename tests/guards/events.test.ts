import { expect, test } from "bun:test";
import { join } from "node:path";
import { REPOSITORY, trackedFiles } from "./repository.ts";

/** A call of a logger with its code and the beginning of its sentence, or what a one-off command logs when it fails. */
const LOGGED = /(?:logger|log)(?:\.\w+|\[[^\]]*\])?\(\s*"(?<code>[A-Z][A-Z0-9_]*)",\s*["`]/g;
const FAILURE = /event: "(?<code>[A-Z][A-Z0-9_]*)", sentence: "/g;
const CALL = /\blogger(?:\.(?:debug|info|warn|error)|\[[^\]]*\])\(/g;
const LINE_OF_FAILURE = "logger.error(failure.event, failure.sentence,";

const codesIn = (source: string, pattern: RegExp) =>
  [...source.matchAll(pattern)].map(({ groups }) => groups?.["code"] ?? "");

async function read(path: string): Promise<string> {
  return await Bun.file(join(REPOSITORY, path)).text();
}

const sources = await Promise.all(
  (await trackedFiles())
    .filter((path) => /^(?:services|shared)\/.*\.ts$/.test(path) && !/\.test\.ts$|\/testing\//.test(path))
    .map(async (path) => ({ path, source: await read(path) })),
);
const logged = sources.flatMap(({ path, source }) =>
  [...codesIn(source, LOGGED), ...codesIn(source, FAILURE)].map((code) => ({ path, code })),
);
const document = await read("docs/failure-modes.md");
const documented = [
  ...codesIn(document, /^### `(?<code>[A-Z][A-Z0-9_]*)`$/gm),
  ...codesIn(document, /^\| `(?<code>[A-Z][A-Z0-9_]*)` \| (?:info|debug) \|/gm),
];

test("every log line has an event code", () => {
  const without = sources.flatMap(({ path, source }) => {
    const calls = [...source.replaceAll(LINE_OF_FAILURE, "").matchAll(CALL)].length;
    const coded = [...source.matchAll(new RegExp(`${CALL.source}\\s*"[A-Z]`, "g"))].length;
    return calls === coded ? [] : [path];
  });
  expect(without).toEqual([]);
  expect(logged.length).toBeGreaterThan(80);
});

test("an event code stands for one thing: only one file logs it", () => {
  const files = Map.groupBy(logged, ({ code }) => code);
  const shared = [...files].filter(([, all]) => new Set(all.map(({ path }) => path)).size > 1);
  expect(shared.map(([code]) => code)).toEqual([]);
});

test("docs/failure-modes.md has every event code once, and no other", () => {
  expect(documented.toSorted()).toEqual([...new Set(logged.map(({ code }) => code))].toSorted());
});
