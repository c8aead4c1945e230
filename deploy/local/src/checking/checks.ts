import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { findChromium, HOW_TO_GET_CHROMIUM } from "../chromium.ts";
import { type Infrastructure, startInfrastructure } from "../infrastructure.ts";
import { quietLimitMs } from "./limits.ts";
import { ProgramRunner } from "./program.ts";
import { filesOf, type Suite, SUITES } from "./suites.ts";
import { sumOf, type Tally, tallyOf } from "./tally.ts";

export interface Check {
  readonly name: string;
  /** Whether it runs only when it is named. */
  readonly onRequest: boolean;
  run(): Promise<Tally>;
}

export interface Checks {
  /** In the order in which they run: the quick ones first. */
  readonly all: readonly Check[];
  /** Ends what runs, and PostgreSQL and Kafka. */
  stop(): Promise<void>;
}

export interface ChecksOptions {
  readonly root: string;
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** What a person should see while a check runs. */
  readonly say: (line: string) => void;
}

/** Tools that look at the sources: the name of the check and of its script in package.json. */
const TOOLS = [
  ["format", "format:check"],
  ["lint", "lint"],
  ["types", "types"],
  ["unused", "unused"],
] as const;
/** A tool writes nothing until it is done. */
const TOOL_TIMEOUT_MS = 600_000;

/** What `bun test` says of its own counts, which are counted here over all runs, and of each test that passes. */
const CHATTER = /^(?:bun test v.*|\(pass\) .*| *\d+ (?:pass|fail|error|expect\(\) calls)|Ran \d+ tests? across .*|)$/;

/** Stands before what `bun test` writes of a file. */
const HEADING = /^\S+\.test\.tsx?:$/;

/** All that must hold before a change is good. Each tool counts as one test. */
export function createChecks({ root, environment, say }: ChecksOptions): Checks {
  const programs = new ProgramRunner();
  let servers: Promise<Infrastructure> | undefined;

  async function runTool(script: string): Promise<Tally> {
    const output: string[] = [];
    const exit = await programs.runBun({
      arguments: ["run", "--silent", script],
      environment: { ...environment, NO_COLOR: "1" },
      cwd: root,
      quietMs: TOOL_TIMEOUT_MS,
      onLine: (line) => output.push(line),
    });
    if (exit.code === 0) return { passed: 1, failed: 0, remarks: [] };
    for (const line of output) say(line);
    return { passed: 0, failed: 1, remarks: [`see above; again by \`bun run ${script}\``] };
  }

  async function runSuite(suite: Suite): Promise<Tally> {
    const chromium = suite.needsChromium ? await findChromium(environment) : undefined;
    if (suite.needsChromium && chromium === undefined) {
      return { passed: 0, failed: 0, remarks: [`not run, as there is no Chromium here: ${HOW_TO_GET_CHROMIUM}`] };
    }
    const files = await filesOf(suite.name, root);
    const addresses = {
      ...(suite.needsServers && files.length > 0 ? await serverAddresses() : {}),
      ...(chromium === undefined ? {} : { CHROMIUM_PATH: chromium }),
    };
    const runs = suite.fileByFile && files.length > 0 ? files.map((file) => [file]) : [files];
    const waiting = runs.values();
    const tallies: Tally[] = [];
    const runInTurn = async () => {
      for (const run of waiting) {
        if (suite.fileByFile) say(`  ${run.join()}`);
        tallies.push(await runTests(suite, run, addresses));
      }
    };
    await Promise.all(Array.from({ length: suite.filesAtOnce }, runInTurn));
    return sumOf(tallies);
  }

  async function runTests(suite: Suite, files: readonly string[], addresses: Record<string, string>): Promise<Tally> {
    if (files.length === 0) return tallyOf({ report: null, files, exitCode: 0 });
    const folder = await mkdtemp(join(tmpdir(), "check-"));
    try {
      const reportFile = join(folder, "report.xml");
      const sources = await Promise.all(files.map((file) => Bun.file(join(root, file)).text()));
      // The heading of a file is written when there is something to say of it.
      let heading: string | undefined;
      const options = [`--timeout=${suite.testTimeoutMs}`, "--reporter=junit", `--reporter-outfile=${reportFile}`];
      const exit = await programs.runBun({
        arguments: ["test", ...options, ...files.map((file) => `./${file}`)],
        environment: { ...environment, ...addresses },
        cwd: root,
        // Tests that pass are among what it writes, so that it is known to go on.
        quietMs: quietLimitMs(sources, suite.testTimeoutMs),
        onLine: (line) => {
          if (CHATTER.test(line)) return;
          if (HEADING.test(line)) {
            heading = line;
            return;
          }
          if (heading !== undefined) say(heading);
          heading = undefined;
          say(line);
        },
      });
      const report = Bun.file(reportFile);
      return tallyOf({ report: (await report.exists()) ? await report.text() : null, files, exitCode: exit.code });
    } finally {
      await rm(folder, { recursive: true });
    }
  }

  /** One PostgreSQL and one Kafka serve all suites: tests have databases and topics of their own in them. */
  async function serverAddresses(): Promise<Record<string, string>> {
    const givenPostgres = environment["TEST_POSTGRES_URL"];
    servers ??= startInfrastructure({
      // What is set for the services is not meant for tests, which drop what they find.
      environment: {
        ...environment,
        CHECK_DATABASE_URL: givenPostgres,
        KAFKA_BROKERS: environment["TEST_KAFKA_BROKERS"],
      },
      databases: ["check"],
      fsync: false,
      progress: say,
    });
    const { postgres, kafkaBrokers, databaseUrls } = await servers;
    const postgresUrl = postgres?.url ?? databaseUrls.get("check");
    if (postgresUrl === undefined) throw new Error("PostgreSQL was neither given nor started");
    return { TEST_POSTGRES_URL: postgresUrl, TEST_KAFKA_BROKERS: kafkaBrokers };
  }

  return {
    all: [
      ...TOOLS.map(([name, script]) => ({ name, onRequest: false, run: () => runTool(script) })),
      ...SUITES.map((suite) => ({ name: suite.name, onRequest: suite.onRequest, run: () => runSuite(suite) })),
    ],
    async stop() {
      await programs.stop();
      // One that failed to start has stopped what it had started, and the check that needed it has failed.
      const started = await servers?.catch(() => undefined);
      await started?.stop();
    },
  };
}
