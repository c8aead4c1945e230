import { expect, test } from "bun:test";
import { join } from "node:path";
import { seedRepository } from "./seeded-repository.ts";
import { REPOSITORY } from "./repository.ts";

/** A line that ends in `// FLAG CODE` is an error of that code, and is none without that flag of tsconfig.json. */
const CARELESS = `
import { Options } from "./options.ts"; // verbatimModuleSyntax TS1484

export const wrong: number = "1"; // always TS2322
export const nothing: string = null; // strict TS2322
export const absent: Options = { limit: undefined }; // exactOptionalPropertyTypes TS2375
export const first = (list: readonly string[]): string => list[0]; // noUncheckedIndexedAccess TS2322
export const named = (map: Readonly<Record<string, string>>): string | undefined => map.name; // noPropertyAccessFromIndexSignature TS4111
export enum Colour { Red } // erasableSyntaxOnly TS1294
export function pick(kind: "a" | "b"): string {
  switch (kind) {
    case "a":
      return "a";
    default:
      return kind satisfies never; // always TS1360
  }
}
export function count(kind: "a" | "b"): number {
  let sum = 0;
  switch (kind) {
    case "a": // noFallthroughCasesInSwitch TS7029
      sum += 1;
    case "b":
      sum += 2;
  }
  return sum;
}
class Base {
  name(): string {
    return "base";
  }
}
export class Derived extends Base {
  name(): string { // noImplicitOverride TS4114
    return "derived";
  }
}
export function idle(unused: number): void { // noUnusedParameters TS6133
  const forgotten = 1; // noUnusedLocals TS6133
}
export const right: Options = {};
`;
const OPTIONS = `
export interface Options {
  readonly limit?: number;
}
`;
const EXPECTED = CARELESS.split("\n").flatMap((text, index) => {
  const { flag = "", code = "" } = / \/\/ (?<flag>\w+) (?<code>TS\d+)$/.exec(text)?.groups ?? {};
  return code === "" ? [] : [{ flag, place: `${index + 1} ${code}` }];
});
/** They say how sources are read, not what is refused. */
const NO_CHECKS = new Set(["noEmit", "allowImportingTsExtensions", "isolatedModules", "skipLibCheck"]);

test("the type checker reports a wrong type and each carelessness that strictness is for", async () => {
  await using repository = await seedRepository(["tsconfig.json"], {
    "shared/runtime/src/careless.ts": CARELESS,
    "shared/runtime/src/options.ts": OPTIONS,
  });
  const { exitCode, output } = await repository.run("typescript/bin/tsc", "--noEmit", "--pretty", "false");
  const reported = output.matchAll(/^shared\/runtime\/src\/careless\.ts\((?<line>\d+),\d+\): error (?<code>TS\d+)/gm);
  expect(Array.from(reported, ({ groups }) => `${groups?.["line"]} ${groups?.["code"]}`)).toEqual(
    EXPECTED.map(({ place }) => place),
  );
  expect(output.match(/ error TS/g)).toHaveLength(EXPECTED.length);
  expect(exitCode).not.toBe(0);
});

test("a carelessness is seeded for every check that tsconfig.json turns on", async () => {
  const { compilerOptions } = Bun.JSONC.parse(await Bun.file(join(REPOSITORY, "tsconfig.json")).text()) as {
    readonly compilerOptions: Readonly<Record<string, unknown>>;
  };
  const checks = Object.keys(compilerOptions).filter((name) => compilerOptions[name] === true && !NO_CHECKS.has(name));
  expect(checks.length).toBeGreaterThan(8);
  const seeded = new Set(EXPECTED.map(({ flag }) => flag));
  expect(checks.filter((name) => !seeded.has(name))).toEqual([]);
});
