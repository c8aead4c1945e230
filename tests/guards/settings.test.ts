import { expect, test } from "bun:test";

const root = `${import.meta.dir}/../..`;
/** Where settings are declared, each as a property in capitals. */
const SOURCES = ["shared/service/src/{settings,edge,tracing}.ts", "services/*/src/config.ts"];

test("docs/configuration.md lists every setting that a process reads", async () => {
  const files = (await Promise.all(SOURCES.map((glob) => Array.fromAsync(new Bun.Glob(glob).scan(root))))).flat();
  const sources = await Promise.all(files.map((path) => Bun.file(`${root}/${path}`).text()));
  const settings = sources.flatMap((source) =>
    Array.from(source.matchAll(/^ {2}([A-Z][A-Z_]+)[:,]/gm), ([, name]) => name),
  );
  expect(files.length).toBeGreaterThan(3);
  expect(settings.length).toBeGreaterThan(30);
  expect(settings).toContain("KAFKA_TLS_CA");
  const configuration = await Bun.file(`${root}/docs/configuration.md`).text();
  expect(settings.filter((name) => !configuration.includes(`\`${name}\``))).toEqual([]);
});
