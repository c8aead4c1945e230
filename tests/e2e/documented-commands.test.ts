import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { serviceNames } from "@shop/contracts/services";
import { createEmptyDatabase } from "@shop/testing/database";
import { testKafkaBrokers } from "@shop/testing/infrastructure";
import { uniqueTopicPrefix } from "@shop/testing/topics";
import { startTestSystem, type TestSystem } from "../support/test-system.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const read = (path: string) => Bun.file(join(ROOT, path)).text();

interface Block {
  readonly language: string;
  readonly text: string;
}

/** The fenced blocks of a Markdown text that are commands or programs, as they stand. */
function blocksIn(markdown: string): readonly Block[] {
  return [...markdown.matchAll(/^```(?<language>sh|ts)\n(?<text>.*?)^```/gms)].map(({ groups }) => ({
    language: groups?.["language"] ?? "",
    text: groups?.["text"] ?? "",
  }));
}

/** Runs a program with this text as its standard input. @returns what it wrote, errors apart */
async function feed(command: readonly string[], text: string, environment: Readonly<Record<string, string>> = {}) {
  const child = Bun.spawn([...command], {
    cwd: ROOT,
    // The documents say `bun`, which is the Bun that runs this test.
    env: { ...process.env, PATH: `${dirname(process.execPath)}:${process.env["PATH"] ?? ""}`, ...environment },
    stdin: new Blob([text]),
    stdout: "pipe",
    stderr: "pipe",
  });
  const [out, errors, code] = await Promise.all([child.stdout.text(), child.stderr.text(), child.exited]);
  return { out, errors, code };
}

/** What each block of docs/getting-started.md prints, in their order: all of these, in any place. */
const PRINTED: readonly (readonly RegExp[])[] = [
  [/^$/],
  [/"items":\[/, /"progress":"WAITING_FOR_RIDER"/],
  [/"riderId":"[^"]+".*\n.*"status":"COMPLETE".*\n.*"status":"COMPLETE"/],
  [/"status":"COMPLETE"/],
  [/"cancelReason":"OUT_OF_STOCK"/, /"cancelReason":"CANCELLED_BY_CUSTOMER"/],
  [/^data: {"type":"CREATED"/m, /^data: {"type":"CANCELLED"/m],
  [/HTTP\/1.1 201[^]*HTTP\/1.1 201/i, /idempotency-replayed: true/i],
  [/"service":"orchestrator"/],
  [/^STATE$/m, /^CANCELLED$/m],
  [/Usage: bun run shop/, /^orchestrator +UP/m, /^verdict +COMPLETE/m, /--yes does it/, /COMPLETE_ORDER\n$/],
];

describe("docs/getting-started.md", () => {
  let shop: TestSystem;
  beforeAll(async () => {
    shop = await startTestSystem();
  }, 180_000);
  afterAll(async () => {
    await shop.stop();
  }, 180_000);

  test("every command of docs/getting-started.md works as it stands", async () => {
    const blocks = blocksIn(await read("docs/getting-started.md"));
    expect(blocks).toHaveLength(PRINTED.length);
    // One shell for all of them, as a reader has one. It writes a line between what two blocks print.
    const end = "--- end of a block ---";
    const session = blocks.map(({ language, text }) =>
      language === "ts"
        ? `cd tests && bun run - <<'PROGRAM'\n${text}PROGRAM\ncd ..\necho '${end}'\n`
        : `${text}echo '${end}'\n`,
    );
    const { out, errors, code } = await feed(["sh"], session.join(""), { SHOP_URL: shop.system.frontendUrl });
    const printed = out.split(`${end}\n`);
    expect([errors, code, printed.length]).toEqual([
      expect.not.stringMatching(/error|not found/i),
      0,
      PRINTED.length + 1,
    ]);
    for (const [index, patterns] of PRINTED.entries())
      for (const pattern of patterns) expect(printed[index]).toMatch(pattern);
  }, 180_000);
});

describe("README.md", () => {
  test("has no command that nothing runs", async () => {
    const { packageManager } = JSON.parse(await read("package.json")) as { readonly packageManager: string };
    const commands = blocksIn(await read("README.md")).flatMap(({ text }) =>
      text.split("\n").map((line) => line.replace(/\s+#.*$/, "")),
    );
    expect(commands.filter((command) => command !== "")).toEqual([
      "bun run demo", // below
      "bun run check", // what runs this test
      `npx -y ${packageManager} run demo`,
      `npx -y ${packageManager} run check`, // as .ci/run calls it
      "docker compose up --build", // tests/containers
    ]);
    expect(await read(".ci/run")).toContain("run --silent check");
  });

  test("promises a demo: three orders, books that balance, and an end", async () => {
    const databases = await Promise.all(
      serviceNames.map(async (owner) => ({ owner, database: await createEmptyDatabase() })),
    );
    try {
      const { out, errors, code } = await feed(["sh"], "bun run demo\n", {
        KAFKA_BROKERS: await testKafkaBrokers(),
        TOPIC_PREFIX: uniqueTopicPrefix(),
        ...Object.fromEntries(
          databases.map(({ owner, database }) => [`${owner.toUpperCase()}_DATABASE_URL`, database.url]),
        ),
      });
      expect([code === 0 ? "" : out + errors, out.match(/^\d\. /gm)]).toEqual(["", ["1. ", "2. ", "3. "]]);
      expect(out).toContain("They balance. Orders: 1 complete, 2 cancelled, 0 pending");
    } finally {
      await Promise.all(databases.map(({ database }) => database.drop()));
    }
  }, 180_000);
});
