import { describe, expect, test } from "bun:test";
import { join } from "node:path";
import { REPOSITORY } from "../repository.ts";
import { announces, notesOf } from "./changelog.ts";

interface Step {
  readonly id?: string;
  readonly uses?: string;
  readonly run?: string;
  readonly with?: Readonly<Record<string, unknown>>;
}
interface Job {
  readonly needs?: string | readonly string[];
  readonly uses?: string;
  readonly if?: string;
  readonly steps?: readonly Step[];
}
interface Workflow {
  readonly on: { readonly push: { readonly tags?: readonly string[] }; readonly workflow_call?: null };
  readonly jobs: Readonly<Record<string, Job>>;
}
interface Compose {
  readonly services: Readonly<
    Record<string, { readonly build?: { readonly context: string; readonly dockerfile: string } }>
  >;
}

const textOf = (path: string) => Bun.file(join(REPOSITORY, path)).text();
const yamlOf = async (path: string) => Bun.YAML.parse(await textOf(path));
const release = (await yamlOf(".github/workflows/release.yml")) as Workflow;
const check = (await yamlOf(".github/workflows/check.yml")) as Workflow;
const compose = (await yamlOf("compose.yaml")) as Compose;
const { version } = (await Bun.file(join(REPOSITORY, "package.json")).json()) as { readonly version: string };

const stepsOf = ({ jobs }: Workflow, job: string) => jobs[job]?.steps ?? [];
const buildIn = (workflow: Workflow, job: string) =>
  stepsOf(workflow, job).find(({ uses = "" }) => uses.startsWith("docker/build-push-action@"))?.with ?? {};
const commandsOf = (job: string) =>
  stepsOf(release, job)
    .map(({ run = "" }) => run)
    .join("\n");

describe("a release's notes", () => {
  const changelog = `# Changelog\n\n## [Unreleased]\n\n- Later.\n\n## [1.1.0-rc.1] - 2026-02-01\n\n- A trial.\n\n## [1.0.0] - 2026-01-01\n\n### Added\n\n- All.\n`;

  test.each([
    ["v1.0.0", "### Added\n\n- All."],
    ["v1.1.0-rc.1", "- A trial."],
  ])("of %s are its section of the changelog", (tag, notes) => {
    expect(notesOf(tag, tag.slice(1), changelog)).toBe(notes);
  });

  test.each([
    ["v1.0.1", "1.0.0", "tag a commit of that version as v1.0.0"],
    ["1.0.0", "1.0.0", "tag a commit of that version as v1.0.0"],
    ["v1.0", "1.0", "write a semantic version"],
    ["v01.0.0", "01.0.0", "write a semantic version"],
    ["v1.0.0+7", "1.0.0+7", "write a semantic version"],
    ["v2.0.0", "2.0.0", "give what is unreleased this heading"],
    ["v1.0.0-rc.1", "1.0.0-rc.1", "give what is unreleased this heading"],
  ])("are refused for the tag %s of version %s: %s", (tag, of, why) => {
    expect(() => notesOf(tag, of, changelog)).toThrow(why);
  });

  test("of a version whose section is empty are refused", () => {
    expect(() => notesOf("v1.0.0", "1.0.0", "## [1.0.0] - 2026-01-01\n\n## [0.9.0] - 2025-01-01\n\n- More.\n")).toThrow(
      "says nothing",
    );
  });

  test("can be made of the changelog, which names the version of package.json as released or as the next one", async () => {
    expect(announces(await textOf("CHANGELOG.md"), version)).toBe(true);
    expect(announces(changelog, "1.2.0")).toBe(false);
    expect(announces("## [Unreleased]\n\nTo be released as 1.2.0.\n\n- More.\n", "1.2.0")).toBe(true);
  });
});

describe("the release's workflow", () => {
  test("runs for each tag of a version, and refuses one that is not the version before anything is built", () => {
    expect(release.on.push.tags).toEqual(["v*"]);
    expect(commandsOf("version")).toContain('bun run --silent release:notes "$GITHUB_REF_NAME"');
    expect(release.jobs["checks"]).toMatchObject({ needs: "version", uses: "./.github/workflows/check.yml" });
    expect(release.jobs["release"]?.needs).toBe("checks");
    expect(check.on).toHaveProperty("workflow_call");
    expect(check.jobs["image"]?.if).toContain("refs/heads/main");
  });

  test("builds the image that compose.yaml builds, for both architectures, with what it is made of", () => {
    const { context, dockerfile } = compose.services["frontend"]?.build ?? { context: "", dockerfile: "" };
    const build = buildIn(release, "release");
    expect(build).toMatchObject({ context, file: dockerfile, platforms: "linux/amd64,linux/arm64", push: true });
    expect(build).toMatchObject({ provenance: "mode=max", sbom: true });
    // The same name as a commit's image, and the tag is the version without v.
    expect(build["tags"]).toBe(String(buildIn(check, "image")["tags"]).replace("github.sha", "env.VERSION"));
    expect(commandsOf("release")).toContain('echo "VERSION=${GITHUB_REF_NAME#v}"');
  });

  test("signs what it has pushed by its digest, and all files, before they are released", () => {
    const commands = commandsOf("release");
    const order = [
      "pack:client",
      "digests.sh",
      "cosign sign --yes",
      "cosign verify",
      "cosign sign-blob",
      "gh release create",
    ];
    expect(order.map((command) => commands.indexOf(command))).not.toContain(-1);
    expect(order.toSorted((a, b) => commands.indexOf(a) - commands.indexOf(b))).toEqual(order);
    expect(commands).toContain('"$BUILT"');
  });
});
