import { expect, test } from "bun:test";
import { plantRepository } from "./planted.ts";

const CARELESS = `
interface Options {
  readonly limit?: number;
}
export const wrong: number = "1";
export const absent: Options = { limit: undefined };
export const first = (list: readonly string[]): string => list[0];
export const named = (map: Readonly<Record<string, string>>): string | undefined => map.name;
export enum Colour { Red }
export function pick(kind: "a" | "b"): string {
  switch (kind) {
    case "a":
      return "a";
    default:
      return kind satisfies never;
  }
}
export const right: Options = {};
`;

test("the type checker reports a wrong type and each carelessness that strictness is for", async () => {
  await using repository = await plantRepository(["tsconfig.json"], { "shared/runtime/src/careless.ts": CARELESS });
  const { exitCode, output } = await repository.run("typescript/bin/tsc", "--noEmit", "--pretty", "false");
  const reported = output.matchAll(/^shared\/runtime\/src\/careless\.ts\((?<line>\d+),\d+\): error (?<code>TS\d+)/gm);
  expect(Array.from(reported, ({ groups }) => `${groups?.["line"]} ${groups?.["code"]}`)).toEqual([
    "5 TS2322",
    "6 TS2375",
    "7 TS2322",
    "8 TS4111",
    "9 TS1294",
    "15 TS1360",
  ]);
  expect(output.match(/ error TS/g)).toHaveLength(6);
  expect(exitCode).not.toBe(0);
});
