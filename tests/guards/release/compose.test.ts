import { expect, test } from "bun:test";
import { join } from "node:path";
import { REPOSITORY } from "../repository.ts";

interface Compose {
  readonly services: Readonly<
    Record<string, { readonly image: string; readonly pull_policy?: string; readonly build?: object }>
  >;
}

const textOf = (path: string) => Bun.file(join(REPOSITORY, path)).text();
const compose = Bun.YAML.parse(await textOf("compose.yaml")) as Compose;
const released = Bun.YAML.parse(await textOf("compose.release.yaml")) as Compose;

test("compose.release.yaml replaces the image of every container that compose.yaml builds, and builds none", async () => {
  const own = Object.entries(compose.services).flatMap(([name, { image }]) =>
    image === "order-delivery" ? [name] : [],
  );
  expect(Object.keys(released.services).toSorted()).toEqual(own.toSorted());
  for (const { image, pull_policy } of Object.values(released.services)) {
    expect(image).toMatch(/^\$\{IMAGE:\?set IMAGE /);
    expect(pull_policy).toBe("missing");
  }
  const built = Object.entries(compose.services).flatMap(([name, { build }]) => (build === undefined ? [] : [name]));
  const text = await textOf("compose.release.yaml");
  expect(built).toEqual(["frontend"]);
  expect(text).toMatch(/^ {2}frontend:\n {4}<<: \*released\n {4}build: !reset null$/m);
});
