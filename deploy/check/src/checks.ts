import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { findChromium } from "./chromium.ts";
import { type Infrastructure, startInfrastructure } from "@shop/local/infrastructure";
import { quietLimitMs } from "./limits.ts";
import { missingOf } from "./prerequisites.ts";
import { PrintedTests } from "./printed-tests.ts";
import { ProgramRunner } from "./program.ts";
import { filesOf, sourcesOf, type Suite, SUITES } from "./suites.ts";
import { asFailure, sumOf, type Tally, tallyOf } from "./tally.ts";

/** What can be asked for. */
export interface CheckName {
  readonly name: string;
  /** Whether it runs only when it is named. */
  readonly onRequest: boolean;
}

export interface Check extends CheckName {
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
  /** Test files, from the root of the repository, which are all that suites run; all of theirs by default. */
  readonly files?: readonly string[];
}

interface Tool {
  readonly name: string;
  /** Its script in package.json. */
  readonly script: string;
  /** Whether it says how many files it looked at (`on N files`), of which there have to be as many as there are sources. */
  readonly saysHowMany?: true;
}

/** Tools that look at the sources. A guard holds what the others look at against what there is. */
const TOOLS: readonly Tool[] = [
  { name: "format", script: "format:check", saysHowMany: true },
  { name: "lint", script: "lint", saysHowMany: true },
  { name: "types", script: "types" },
  { name: "unused", script: "unused" },
];
/** Every check, in the order in which they run. */
export const CHECK_NAMES: readonly CheckName[] = [
  ...TOOLS.map(({ name }) => ({ name, onRequest: false })),
  { name: "audit", onRequest: true },
  ...SUITES.map(({ name, onRequest }) => ({ name, onRequest })),
];
/** A tool writes nothing until it is done. */
const TOOL_TIMEOUT_MS = 600_000;
const AUDIT_TIMEOUT_MS = 120_000;
/** Advisories below this are printed by `bun audit` and fail nothing. */
const AUDIT_LEVEL = "high";
/** What `bun audit` says of a registry that is unavailable, or that knows no audits. */
const NO_ANSWER = /^error: POST \S+ - /;

/** Where one of these is set, `bun test` takes its reader for a program and does not print which tests passed. */
const HIDES_PASSES = { AGENT: undefined, CLAUDECODE: undefined, REPL_ID: undefined };

/** All that must hold before a change is good. Each tool counts as one test. */
export function createChecks({ root, environment, say, files: wanted }: ChecksOptions): Checks {
  const programs = new ProgramRunner();
  let servers: Promise<Infrastructure> | undefined;

  async function runTool({ script, saysHowMany }: Tool): Promise<Tally> {
    const output: string[] = [];
    const exit = await programs.runBun({
      arguments: ["run", "--silent", script],
      environment: { ...environment, NO_COLOR: "1" },
      cwd: root,
      quietMs: TOOL_TIMEOUT_MS,
      onLine: (line) => output.push(line),
    });
    if (exit.code !== 0) {
      for (const line of output) say(line);
      return { passed: 0, failed: 1, remarks: [`see above; again by \`bun run ${script}\``] };
    }
    if (saysHowMany) {
      const looked = Number(/ on (\d+) files?\b/.exec(output.join("\n"))?.[1] ?? 0);
      const { length: sources } = await sourcesOf(root);
      if (looked < sources) {
        const remark = `it looked at ${looked} files, and there are ${sources} sources: see what its settings leave out`;
        return { passed: 0, failed: 1, remarks: [remark] };
      }
    }
    return { passed: 1, failed: 0, remarks: [] };
  }

  /** Known vulnerabilities of what is installed. Where the registry answers no such question, it has not run. */
  async function runAudit(): Promise<Tally> {
    const output: string[] = [];
    const exit = await programs.runBun({
      arguments: ["audit", `--audit-level=${AUDIT_LEVEL}`],
      environment: { ...environment, NO_COLOR: "1" },
      cwd: root,
      quietMs: AUDIT_TIMEOUT_MS,
      onLine: (line) => output.push(line),
    });
    if (exit.code === 0) return { passed: 1, failed: 0, remarks: [] };
    const unanswered = output.find((line) => NO_ANSWER.test(line));
    if (unanswered !== undefined) {
      return { passed: 0, failed: 0, remarks: [unanswered], notRun: "the package registry answers no audit" };
    }
    for (const line of output) say(line);
    return { passed: 0, failed: 1, remarks: ["see above; again by `bun audit`, and see `bun audit fix`"] };
  }

  async function runSuite(suite: Suite): Promise<Tally> {
    const missing = suite.needs && (await missingOf(suite.needs, environment));
    if (missing) return { passed: 0, failed: 0, remarks: [`to run it, ${missing.remedy}`], notRun: missing.reason };
    const chromium = suite.needs === "chromium" ? await findChromium(environment) : undefined;
    const files = (await filesOf(suite.name, root)).filter((file) => wanted?.includes(file) ?? true);
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
        // One that could not even begin takes no other's result with it.
        tallies.push(await runTests(suite, run, addresses).catch(asFailure));
      }
    };
    await Promise.all(Array.from({ length: suite.filesAtOnce }, runInTurn));
    return sumOf(tallies);
  }

  async function runTests(suite: Suite, files: readonly string[], addresses: Record<string, string>): Promise<Tally> {
    const printed = new PrintedTests(say);
    if (files.length === 0) return tallyOf({ report: null, printed, files, exitCode: 0 });
    const folder = await mkdtemp(join(tmpdir(), "check-"));
    try {
      const reportFile = join(folder, "report.xml");
      const sources = await Promise.all(files.map((file) => Bun.file(join(root, file)).text()));
      const options = [`--timeout=${suite.testTimeoutMs}`, "--reporter=junit", `--reporter-outfile=${reportFile}`];
      const exit = await programs.runBun({
        arguments: ["test", ...options, ...files.map((file) => `./${file}`)],
        environment: { ...environment, ...HIDES_PASSES, ...addresses },
        cwd: root,
        // Tests that pass are among what it writes, so that it is known to continue.
        quietMs: quietLimitMs(sources, suite.testTimeoutMs),
        onLine: (line) => printed.read(line),
      });
      const file = Bun.file(reportFile);
      const report = (await file.exists()) ? await file.text() : null;
      return tallyOf({ report, printed, files, exitCode: exit.code });
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
      kafkaSetting: "TEST_KAFKA_BROKERS",
      databases: ["check"],
      fsync: false,
      progress: say,
    });
    const { postgres, kafkaBrokers, databaseUrls } = await servers;
    const postgresUrl = postgres?.url ?? databaseUrls.get("check");
    if (postgresUrl === undefined) throw new Error("PostgreSQL was neither given nor started");
    return { TEST_POSTGRES_URL: postgresUrl, TEST_KAFKA_BROKERS: kafkaBrokers };
  }

  function runNamed(name: string): Promise<Tally> {
    const tool = TOOLS.find((each) => each.name === name);
    if (tool !== undefined) return runTool(tool);
    const suite = SUITES.find((each) => each.name === name);
    return suite === undefined ? runAudit() : runSuite(suite);
  }

  return {
    all: CHECK_NAMES.map((check) => ({ ...check, run: () => runNamed(check.name) })),
    async stop() {
      await programs.stop();
      // One that failed to start has stopped what it had started, and the check that needed it has failed.
      const started = await servers?.catch(() => undefined);
      await started?.stop();
    },
  };
}
