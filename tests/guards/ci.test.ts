import { afterAll, beforeAll, expect, test } from "bun:test";
import { chmod, mkdtemp, rm, symlink } from "node:fs/promises";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { eventually } from "@shop/testing/eventually";
import { createChecks } from "@shop/check/checks";
import { REPOSITORY, trackedFiles } from "./repository.ts";

// The real .ci/run in a repository of its own, with programs in place of npx and Docker that behave as a case needs.

/** `check`: leaves the summary of the case, and dies when that says so. */
const NPX = `#!/bin/sh
for last; do :; done
case "$*" in *"--only containers"*) part=$CONTAINERS ;; *) part=$EVERYTHING ;; esac
[ -n "$part" ] || exit 1
printf '%b' "$part" >"$last"
case $part in *running*) kill -9 $$ ;; *"failed 0"*) exit 0 ;; *) exit 1 ;; esac
`;
/** An engine that answers when ENGINE is set, and has images once the file IMAGES is there. */
const DOCKER = `#!/bin/sh
[ -n "$ENGINE" ] || exit 1
case $1 in image) [ -f "$IMAGES" ] ;; pull) exit 1 ;; *) exit 0 ;; esac
`;
/** Starts an engine first where there is none, whose process id it records as Docker's own does. */
const STANDINS = `#!/bin/sh
if [ -n "$STARTS_ENGINE" ]; then setsid sleep 600 >/dev/null 2>&1 & echo $! >"$DOCKER_PID_FILE"; fi
sleep "$BUILD_S" && touch "$IMAGES"
`;

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "ci-"));
  const programs = { "bin/npx": NPX, "bin/docker": DOCKER, standins: STANDINS };
  const run = await Bun.file(join(REPOSITORY, ".ci/run")).text();
  for (const [path, content] of Object.entries({ ...programs, ".ci/run": run })) {
    await Bun.write(join(folder, path), content);
    await chmod(join(folder, path), 0o755);
  }
  await Bun.write(join(folder, "package.json"), `{ "packageManager": "bun@1.4.5" }`);
  await symlink(Bun.which("node") ?? "node", join(folder, "bin/node"));
});
afterAll(() => rm(folder, { recursive: true }));

async function ci(settings: Readonly<Record<string, string>>, ...rest: readonly string[]) {
  const { PATH = "" } = process.env;
  const images = join(folder, `images-${crypto.randomUUID()}`);
  if (settings["HAS_IMAGES"]) await Bun.write(images, "");
  const child = Bun.spawn([join(folder, ".ci/run"), ...rest], {
    env: {
      PATH: [join(folder, "bin"), PATH].join(delimiter),
      CHROMIUM_PATH: "/nowhere/chromium",
      IMAGE_STANDINS: "",
      IMAGES: images,
      DOCKER_PID_FILE: join(folder, "docker.pid"),
      ...settings,
    },
    stdout: "pipe",
    stderr: "pipe",
  });
  const [output, exitCode] = await Promise.all([child.stdout.text(), child.exited]);
  return { exitCode, end: output.trimEnd().split("\n").slice(-3), last: output.trimEnd().split("\n").at(-1) };
}

/** Whether a line names a folder beside the repository, or one that only some machine has. The folders of images that we use are none. */
function namesOutside(line: string): boolean {
  return (
    /(?:^|[\s"'`=(:])\/(?:work|opt|home|root|Users|srv|mnt)\/(?!kafka\b)/.test(line) ||
    (/[=-]\.\.\//.test(line) && !line.startsWith("standins=${IMAGE_STANDINS-"))
  );
}

const ALL_WELL = String.raw`passed 10\nfailed 0\nskipped cluster only when named\nskipped containers only when named\n`;
const CONTAINERS_WELL = String.raw`passed 5\nfailed 0\n`;

test("what did not run is counted in the last line and named in the line before it", async () => {
  const { exitCode, end } = await ci({ EVERYTHING: String.raw`${ALL_WELL}skipped browser no Chromium\n` });
  expect(end.slice(-2)).toEqual([
    "not run: cluster (only when named); browser (no Chromium); containers (no Docker engine with the compose plugin)",
    "10 passed, 0 failed, 3 skipped",
  ]);
  expect(exitCode).toBe(0);
});

test("where the images are there, the containers' tests are added", async () => {
  const settings = { EVERYTHING: ALL_WELL, CONTAINERS: CONTAINERS_WELL, ENGINE: "1", HAS_IMAGES: "1" };
  expect(await ci(settings)).toMatchObject({ exitCode: 0, last: "15 passed, 0 failed, 1 skipped" });
});

test("a check that died in the middle keeps what had passed, and counts as a failure", async () => {
  const died = { EVERYTHING: String.raw`passed 8\nfailed 0\nrunning integration\n` };
  expect(await ci(died)).toEqual({
    exitCode: 1,
    end: [
      "integration ended before its result, which counts as failed",
      "not run: containers (no Docker engine with the compose plugin)",
      "8 passed, 1 failed, 1 skipped",
    ],
    last: "8 passed, 1 failed, 1 skipped",
  });
  const second = { EVERYTHING: ALL_WELL, CONTAINERS: String.raw`passed 2\nfailed 0\nrunning containers\n` };
  expect(await ci({ ...second, ENGINE: "1", HAS_IMAGES: "1" })).toMatchObject({
    exitCode: 1,
    last: "12 passed, 1 failed, 1 skipped",
  });
});

test("a check that could not even begin counts as a failure", async () => {
  expect(await ci({ EVERYTHING: "" })).toMatchObject({ exitCode: 1, last: "0 passed, 1 failed, 1 skipped" });
  expect(await ci({ EVERYTHING: "" }, "--only", "unit")).toMatchObject({ exitCode: 1, last: "0 passed, 1 failed" });
});

test("checks that are named are what the last line counts", async () => {
  const settings = { EVERYTHING: String.raw`passed 3\nfailed 1\n` };
  expect(await ci(settings, "--only", "unit")).toMatchObject({ exitCode: 1, last: "3 passed, 1 failed" });
});

// Stand-ins are made on Debian only.
if (process.platform === "linux") {
  test("images that are not there yet when the other checks are done are waited for", async () => {
    const settings = { EVERYTHING: ALL_WELL, CONTAINERS: CONTAINERS_WELL, ENGINE: "1", BUILD_S: "2" };
    const built = await ci({ ...settings, IMAGE_STANDINS: join(folder, "standins") });
    expect(built).toMatchObject({ exitCode: 0, last: "15 passed, 0 failed, 1 skipped" });
  });

  test("images that are not there when their time is over are a failure that says how to give them more", async () => {
    const settings = { EVERYTHING: ALL_WELL, ENGINE: "1", BUILD_S: "600", CI_IMAGES_S: "1" };
    const { exitCode, end } = await ci({ ...settings, IMAGE_STANDINS: join(folder, "standins") });
    expect(end[0]).toContain("CI_IMAGES_S=1");
    expect(end.at(-1)).toBe("10 passed, 1 failed, 1 skipped");
    expect(exitCode).toBe(1);
  });

  test("an engine that the run has started ends with it, and any other goes on", async () => {
    const pidFile = join(folder, `${crypto.randomUUID()}.pid`);
    const runs = async (pid: number) => await Bun.file(`/proc/${pid}/stat`).exists();
    const other = Bun.spawn(["sleep", "600"]);
    await Bun.write(pidFile, `${other.pid}`);
    await ci({ EVERYTHING: ALL_WELL, DOCKER_PID_FILE: pidFile });
    expect(await runs(other.pid)).toBe(true);
    other.kill();

    const settings = {
      EVERYTHING: ALL_WELL,
      CONTAINERS: CONTAINERS_WELL,
      ENGINE: "1",
      BUILD_S: "0",
      STARTS_ENGINE: "1",
    };
    await ci({ ...settings, DOCKER_PID_FILE: pidFile, IMAGE_STANDINS: join(folder, "standins") });
    const own = Number(await Bun.file(pidFile).text());
    expect(own).not.toBe(other.pid);
    await eventually(async () => expect(await runs(own)).toBe(false));
  });
}

test("images that can neither be pulled nor built are named as the reason", async () => {
  const { exitCode, end } = await ci({ EVERYTHING: ALL_WELL, ENGINE: "1" });
  expect(end.at(-2)).toContain("containers (the images can neither be found nor pulled)");
  expect(exitCode).toBe(0);
});

test("every check runs in a workflow at GitHub, and workflows name only checks that exist", async () => {
  const { all } = createChecks({ root: REPOSITORY, environment: {}, say: () => undefined });
  const files = (await trackedFiles()).filter((path) => path.startsWith(".github/workflows/"));
  const workflows = await Promise.all(files.map((path) => Bun.file(join(REPOSITORY, path)).text()));
  const runs = workflows.flatMap((text) =>
    Array.from(text.matchAll(/run: bun run check(?<alone> --only)?(?: --with)?(?: (?<names>[\w,-]+))?$/gm)),
  );
  expect(runs.length).toBeGreaterThan(4);
  const named = runs.flatMap(({ groups }) => groups?.["names"]?.split(",") ?? []);
  const usual = runs.some(({ groups }) => groups?.["alone"] === undefined)
    ? all.filter(({ onRequest }) => !onRequest).map(({ name }) => name)
    : [];
  expect([...new Set([...usual, ...named])].toSorted()).toEqual(all.map(({ name }) => name).toSorted());
});

test("CI and tests name nothing outside of the repository, but by a variable", async () => {
  const files = (await trackedFiles()).filter(
    (path) => path.startsWith(".ci/") || path.startsWith(".github/") || /\.test\.tsx?$|\/testing\/|^tests\//.test(path),
  );
  expect(files.length).toBeGreaterThan(300);
  const found = await Promise.all(
    files.map(async (path) => {
      const lines = (await Bun.file(join(REPOSITORY, path)).text()).split("\n");
      return lines.flatMap((line, index) => (namesOutside(line) ? [`${path}:${index + 1}: ${line.trim()}`] : []));
    }),
  );
  expect(found.flat()).toEqual([]);
});

test("a folder of one machine is seen, and one that every system or image has is not", () => {
  // Written in parts, so that these lines themselves name nothing.
  const slash = "/";
  expect(
    [
      `standins=..${slash}shared/tools/build`,
      `cp ${slash}work/tools/x .`,
      `join("${slash}opt/tf-plugins")`,
      `cd ${slash}home/me`,
    ].map(namesOutside),
  ).toEqual([true, true, true, true]);
  expect(
    ['import "../shared/x.ts"', "/opt/kafka/config", 'join(root, "..", "..")', "/tmp/x", "/usr/bin/chromium"].map(
      namesOutside,
    ),
  ).toEqual([false, false, false, false, false]);
});
