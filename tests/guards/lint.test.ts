import { beforeAll, describe, expect, test } from "bun:test";
import { join } from "node:path";
import { type Layer, LAYERS } from "./lint/layers.ts";
import plugin from "./lint/plugin.ts";
import { CODE_TO_LINT } from "./seeded-code.ts";
import { seedRepository } from "./seeded-repository.ts";
import { REPOSITORY, trackedFiles } from "./repository.ts";

/** `path:line` of every report and of every seeded breach, by rule. */
type ReportedBreaches = ReadonlyMap<string, readonly string[]>;

interface Diagnostic {
  /** `typescript(no-floating-promises)` */
  readonly code: string;
  readonly message: string;
  readonly filename: string;
  readonly labels: readonly [{ readonly span: { readonly line: number } }];
}

/** Severity, or severity and options. */
type Setting = string | readonly [string, ...(readonly object[])];

interface Settings {
  readonly rules: Readonly<Record<string, Setting>>;
  readonly overrides: readonly { readonly rules: Readonly<Record<string, Setting>> }[];
}

const breaches = Object.entries(CODE_TO_LINT).flatMap(([path, code]) =>
  code.split("\n").flatMap((text, index) => {
    const rule = / \/\/ breach: (?<rule>\S+)$/.exec(text)?.groups?.["rule"];
    return rule === undefined ? [] : [{ rule, place: `${path}:${index + 1}`, text }];
  }),
);
const seeded = placesOf(breaches);
const settings = Bun.JSONC.parse(await Bun.file(join(REPOSITORY, ".oxlintrc.json")).text()) as Settings;
const rulesTurnedOn = [settings, ...settings.overrides].flatMap(({ rules }) =>
  Object.entries(rules).filter(([, setting]) => setting !== "off"),
);

let diagnostics: readonly Diagnostic[];
let reported: ReportedBreaches;

beforeAll(async () => {
  await using repository = await seedRepository([".oxlintrc.json", "tsconfig.json", "tests/guards/lint"], CODE_TO_LINT);
  const folders = ["services", "shared", "deploy", "tests/e2e", "tests/sim"];
  const { exitCode, output } = await repository.run("oxlint/bin/oxlint", "--format=json", ...folders);
  expect(exitCode).toBe(1);
  ({ diagnostics } = JSON.parse(output) as { readonly diagnostics: readonly Diagnostic[] });
  reported = placesOf(
    diagnostics.map(({ code, filename, labels: [{ span }] }) => ({ rule: code, place: `${filename}:${span.line}` })),
  );
});

test.each([...seeded])("lint reports each breach of %s", (rule, places) => {
  expect(reported.get(rule)).toEqual(places);
});

test("lint reports nothing else", () => {
  expect([...reported.keys()].toSorted()).toEqual([...seeded.keys()].toSorted());
});

describe("a breach is seeded in tests/guards/seeded-code.ts", () => {
  test("of every rule that .oxlintrc.json turns on by name", () => {
    expect(rulesTurnedOn.length).toBeGreaterThan(20);
    expect(rulesTurnedOn.map(([name]) => codeOf(name)).filter((code) => !seeded.has(code))).toEqual([]);
  });

  test("of every rule of the repository's own, and each is turned on", () => {
    const names = Object.keys(plugin.rules).map((name) => `${plugin.meta.name}/${name}`);
    const turnedOn = new Set(rulesTurnedOn.map(([name]) => name));
    expect(names.length).toBeGreaterThan(4);
    expect(names.filter((name) => !turnedOn.has(name) || !seeded.has(codeOf(name)))).toEqual([]);
  });

  test("of every property that tests may not use", () => {
    const properties = rulesTurnedOn
      .filter(([name]) => name === "no-restricted-properties")
      .flatMap(([, setting]) => (typeof setting === "string" ? [] : setting.slice(1)))
      .map((option) => (option as { readonly property: string }).property);
    expect(properties).toContain("skip");
    const lines = breaches.filter(({ rule }) => rule === "eslint(no-restricted-properties)").map(({ text }) => text);
    expect(properties.filter((name) => !lines.some((line) => line.includes(`.${name}(`)))).toEqual([]);
  });

  const rows = LAYERS.map((layer) => [layer.name, layer] as const);

  test.each(rows)("of the row of %s: a module of ours that it may not import", (_name, layer) => {
    expect(refusedTo(layer).filter((imported) => isOurs(imported))).not.toEqual([]);
  });

  test.each(rows.filter(([, { packages }]) => packages !== "any"))(
    "of the row of %s: a package that it may not import",
    (_name, layer) => {
      expect(refusedTo(layer).filter((imported) => !isOurs(imported))).not.toEqual([]);
    },
  );

  test.each(rows.filter(([, { types }]) => types !== undefined))(
    "of the row of %s: a value of a module that it may import types of",
    (_name, layer) => {
      const covered = (path: string) =>
        (layer.types ?? []).some((entry) => path.includes(entry.replace(/^\.\//, "/src/")));
      expect(refusedTo(layer).filter(covered)).not.toEqual([]);
    },
  );
});

describe("the table of layers", () => {
  test("has a layer for every source, and no row without a file", async () => {
    const sources = (await trackedFiles()).filter((path) => /\.tsx?$/.test(path));
    expect(sources.length).toBeGreaterThan(600);
    const layers = sources.map((path) => [path, LAYERS.find(({ files }) => files.test(path))] as const);
    expect(layers.filter(([, layer]) => layer === undefined).map(([path]) => path)).toEqual([]);
    const used = new Set(layers.map(([, layer]) => layer));
    expect(LAYERS.filter((layer) => !used.has(layer)).map(({ name }) => name)).toEqual([]);
  });
});

/** What seeded files of a layer were refused: paths of modules of ours, and names of packages. */
function refusedTo(layer: Layer): readonly string[] {
  return diagnostics
    .filter(({ code, filename }) => code === "shop(import-layers)" && layerOf(filename) === layer)
    .flatMap(({ message }) => message.split(`${layer.name} must not import `).slice(1));
}

const layerOf = (path: string): Layer | undefined => LAYERS.find(({ files }) => files.test(path));
const isOurs = (imported: string): boolean => /^(?:services|shared|deploy|tests)\//.test(imported);

/** `typescript/no-var` is reported as `typescript(no-var)`, and a rule without a plugin's name as eslint's. */
function codeOf(rule: string): string {
  const [name = "", owner = "eslint"] = rule.split("/").toReversed();
  return `${owner}(${name})`;
}

function placesOf(findings: readonly { readonly rule: string; readonly place: string }[]): ReportedBreaches {
  const places = Map.groupBy(findings, ({ rule }) => rule);
  return new Map([...places].map(([rule, members]) => [rule, members.map(({ place }) => place).toSorted()]));
}
