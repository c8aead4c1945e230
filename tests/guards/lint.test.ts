import { beforeAll, expect, test } from "bun:test";
import { CODE_TO_LINT } from "./planted-code.ts";
import { plantRepository } from "./planted.ts";

/** `path:line` of every report and of every planted breach, by rule. */
type Places = ReadonlyMap<string, readonly string[]>;

interface Report {
  readonly diagnostics: readonly {
    readonly code: string;
    readonly filename: string;
    readonly labels: readonly [{ readonly span: { readonly line: number } }];
  }[];
}

const planted = placesOf(
  Object.entries(CODE_TO_LINT).flatMap(([path, code]) =>
    code.split("\n").flatMap((text, index) => {
      const rule = / \/\/ breach: (?<rule>\S+)$/.exec(text)?.groups?.["rule"];
      return rule === undefined ? [] : [{ rule, place: `${path}:${index + 1}` }];
    }),
  ),
);

let reported: Places;

beforeAll(async () => {
  await using repository = await plantRepository(
    [".oxlintrc.json", "tsconfig.json", "tests/guards/lint"],
    CODE_TO_LINT,
  );
  const { exitCode, output } = await repository.run("oxlint/bin/oxlint", "--format=json", "services", "shared");
  expect(exitCode).toBe(1);
  const { diagnostics }: Report = JSON.parse(output);
  reported = placesOf(
    diagnostics.map(({ code, filename, labels: [{ span }] }) => ({ rule: code, place: `${filename}:${span.line}` })),
  );
});

test.each([...planted])("lint reports each breach of %s", (rule, places) => {
  expect(reported.get(rule)).toEqual(places);
});

test("lint reports nothing else", () => {
  expect([...reported.keys()].toSorted()).toEqual([...planted.keys()].toSorted());
});

function placesOf(findings: readonly { readonly rule: string; readonly place: string }[]): Places {
  const places = Map.groupBy(findings, ({ rule }) => rule);
  return new Map([...places].map(([rule, members]) => [rule, members.map(({ place }) => place).toSorted()]));
}
