import { describe, expect, test } from "bun:test";
import { join } from "node:path";
import { KAFKA_VERSION } from "@shop/local/kafka-settings";
import { actionsOf, imagesOf, isExactImage, isPinnedAction, mentionsOf, type Reference } from "./pins.ts";
import { REPOSITORY, trackedFiles } from "./repository.ts";

const MANIFEST = /(?:^compose[^/]*|^deploy\/.+)\.ya?ml$|(?:^|\/)Dockerfile$/;
const WORKFLOW = /^\.github\/workflows\//;
/** They hold what is refused, or versions of packages only. */
const NOT_READ = /^tests\/guards\/|^bun\.lock$|\/meta\/.+\.json$/;

const contents = await Promise.all(
  (await trackedFiles()).map(async (file) => [file, await Bun.file(join(REPOSITORY, file)).text()] as const),
);
const images = contents.flatMap(([file, content]) => (MANIFEST.test(file) ? imagesOf(file, content) : []));
const repositories = [...new Set(images.map(({ repository }) => repository))];
const mentions = contents.flatMap(([file, content]) =>
  MANIFEST.test(file) || NOT_READ.test(file) ? [] : mentionsOf(file, content, repositories),
);
const actions = contents.flatMap(([file, content]) => (WORKFLOW.test(file) ? actionsOf(file, content) : []));

const placeOf = ({ file, line, text }: Reference): string => `${file}:${line}: ${text}`;

test("every image has an exact version: name a tag of at least major.minor, and no floating one", () => {
  expect(repositories.toSorted()).toEqual([
    "apache/kafka",
    "grafana/grafana",
    "haproxy",
    "jaegertracing/jaeger",
    "kafbat/kafka-ui",
    "oven/bun",
    "postgres",
    "prom/prometheus",
  ]);
  expect(mentions.length).toBeGreaterThan(4);
  expect([...images, ...mentions].filter((image) => !isExactImage(image)).map(placeOf)).toEqual([]);
});

test("an image has one version in the whole repository", () => {
  const byRepository = Map.groupBy([...images, ...mentions], ({ repository }) => repository);
  const several = [...byRepository.values()].filter((named) => new Set(named.map(({ tag }) => tag)).size > 1);
  expect(several.map((named) => named.map(placeOf))).toEqual([]);
});

test("Kafka's jars and its image, Bun and its image, have one version", async () => {
  const tagOf = (name: string) => images.find(({ repository }) => repository === name)?.tag;
  const { packageManager } = (await Bun.file(join(REPOSITORY, "package.json")).json()) as { packageManager: string };
  expect(tagOf("apache/kafka")).toBe(KAFKA_VERSION);
  expect(`bun@${tagOf("oven/bun")}`).toBe(`${packageManager}-slim`);
});

test("every action is named by the commit of a release, with the release's tag behind it as a comment", () => {
  expect(actions.length).toBeGreaterThan(10);
  expect(actions.filter((action) => !isPinnedAction(action)).map(placeOf)).toEqual([]);
});

test("an action is named by one commit in all workflows", () => {
  const commits = Map.groupBy(actions, ({ text }) => text.split("@")[0]);
  expect([...commits.values()].filter((named) => new Set(named.map(({ text }) => text)).size > 1)).toEqual([]);
});

describe("a floating version is seen:", () => {
  test.each([
    ["compose.yaml", "    image: haproxy:lts-alpine", "haproxy"],
    ["compose.yaml", "    image: postgres", "postgres"],
    ["compose.yaml", "  - { name: db, image: postgres:18-alpine }", "postgres"],
    ["compose.yaml", "    image: example.org:5000/a/b:latest", "example.org:5000/a/b"],
    ["deploy/docker/Dockerfile", "FROM --platform=linux/amd64 oven/bun:1 AS build", "oven/bun"],
  ])("in %s: %s", (file, line, repository) => {
    const [image] = imagesOf(file, `# first\n${line}\n`);
    expect(image).toMatchObject({ file, line: 2, repository });
    expect(image && isExactImage(image)).toBe(false);
  });

  test("in a script or a test, and an address or a password is none", () => {
    const text =
      "docker pull haproxy:lts-alpine postgres:18.4-alpine.\npostgres://postgres:secret@host:5432/a haproxy:";
    expect(mentionsOf("run", text, ["haproxy", "postgres"]).map(({ line, tag }) => [line, tag])).toEqual([
      [1, "lts-alpine"],
      [1, "18.4-alpine"],
    ]);
  });

  test.each([
    "actions/checkout@v4",
    "actions/checkout@main",
    `actions/checkout@${"a".repeat(40)}`,
    `actions/checkout@${"a".repeat(40)} # v4`,
    "docker://alpine:latest",
  ])("in a workflow: %s", (action) => {
    const [found] = actionsOf("check.yml", `      - uses: ${action}\n`);
    expect(found && isPinnedAction(found)).toBe(false);
  });
});

test("an exact version passes, with a digest or without, and so does a pinned action", () => {
  const digest = `sha256:${"0".repeat(64)}`;
  const content = `image: postgres:18.4-alpine@${digest}\nimage: prom/prometheus:v3.5.0\nimage: order-delivery\n`;
  expect(imagesOf("compose.yaml", content).map((image) => [image.tag, isExactImage(image)])).toEqual([
    ["18.4-alpine", true],
    ["v3.5.0", true],
  ]);
  const [action] = actionsOf("check.yml", `- uses: actions/checkout@${"a".repeat(40)} # v4.4.0\n- uses: ./local\n`);
  expect(action && isPinnedAction(action)).toBe(true);
});
