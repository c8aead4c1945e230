import { expect, test } from "bun:test";
import { seedRepository } from "./seeded-repository.ts";

const FILES = {
  "package.json": JSON.stringify({ name: "seeded", private: true, workspaces: ["services/*"] }),
  "tsconfig.json": JSON.stringify({
    compilerOptions: { module: "preserve", allowImportingTsExtensions: true, noEmit: true },
  }),
  "services/order/package.json": JSON.stringify({
    name: "@shop/order-service",
    type: "module",
    dependencies: { zod: "*", kafkajs: "*" },
  }),
  "services/order/src/main.ts": `
import { z } from "zod";
import { used } from "./used.ts";
used(z.string());
`,
  "services/order/src/used.ts": `
export function used(value: unknown): unknown {
  return value;
}
export function unused(): void {}
export function usedByTests(): number {
  return 1;
}
`,
  "services/order/src/used.test.ts": `
import { expect, test } from "bun:test";
import { usedByTests } from "./used.ts";
test("one", () => expect(usedByTests()).toBe(1));
`,
  "services/order/src/forgotten.ts": "export const forgotten = 1;\n",
};

const USED_BY_NOBODY = [
  "dependency kafkajs of services/order/package.json",
  "export unused of services/order/src/used.ts",
  "file services/order/src/forgotten.ts",
];

interface Named {
  readonly name: string;
}
interface Report {
  readonly issues: readonly {
    readonly file: string;
    readonly files: readonly Named[];
    readonly exports: readonly Named[];
    readonly dependencies: readonly Named[];
  }[];
}

async function findings(...options: readonly string[]): Promise<readonly string[]> {
  await using repository = await seedRepository(["knip.json"], FILES);
  const { exitCode, output } = await repository.run("knip/bin/knip.js", "--reporter=json", ...options);
  expect(exitCode).toBe(1);
  const { issues }: Report = JSON.parse(output);
  return issues
    .flatMap(({ file, files, exports, dependencies }) => [
      ...files.map(() => `file ${file}`),
      ...exports.map(({ name }) => `export ${name} of ${file}`),
      ...dependencies.map(({ name }) => `dependency ${name} of ${file}`),
    ])
    .toSorted();
}

test("a file, an export and a dependency that nothing uses are reported", async () => {
  expect(await findings()).toEqual(USED_BY_NOBODY);
});

test("an export that only tests use is reported in what is shipped", async () => {
  expect(await findings("--production")).toEqual(
    [...USED_BY_NOBODY, "export usedByTests of services/order/src/used.ts"].toSorted(),
  );
});
