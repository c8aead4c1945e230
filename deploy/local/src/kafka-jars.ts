import { execFile } from "node:child_process";
import { rename, stat } from "node:fs/promises";
import { homedir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { describeExit, startGuarded } from "./guarded-process.ts";
import { KAFKA_VERSION } from "./kafka-settings.ts";
import { packageFolder } from "./postgres-binaries.ts";
import { createRunFolder } from "./run-folder.ts";
import { explainFailure, saysDiskIsFull, SetupError } from "./setup-error.ts";

/** What this release of Kafka's server asks for (its documentation, "Java Version"). */
const OLDEST_JAVA = 17;

type Environment = Readonly<Record<string, string | undefined>>;

/** What `java` and `mvn` on this machine are, or the sentence that says what is missing and how to get it. */
export async function findJava(environment: Environment): Promise<{ java: string } | { missing: string }> {
  const home = environment["JAVA_HOME"];
  const candidates = [...(home ? [join(home, "bin", "java")] : []), "java"];
  let found = "";
  for (const java of candidates) {
    const version = await javaVersion(java, environment);
    if (version !== undefined && version >= OLDEST_JAVA) return { java };
    if (version !== undefined) found = ` (${java} is version ${version})`;
  }
  return { missing: `Java ${OLDEST_JAVA} or newer was not found${found}` };
}

async function javaVersion(java: string, environment: Environment): Promise<number | undefined> {
  try {
    const { stderr, stdout } = await promisify(execFile)(java, ["-version"], { env: { ...environment } });
    const version = /version "(\d+)/.exec(`${stderr}\n${stdout}`)?.[1];
    return version === undefined ? undefined : Number(version);
  } catch {
    // Whatever keeps it from telling its version (absent, not executable, macOS' stub without a JDK) keeps it from running Kafka.
    return undefined;
  }
}

/** Where the jars are kept between runs: outside of the repository, so that every clone shares them. */
export function jarFolder(environment: Environment): string {
  const cache = environment["XDG_CACHE_HOME"] || join(environment["HOME"] || homedir(), ".cache");
  return join(cache, "order-delivery", `kafka-${KAFKA_VERSION}`);
}

export async function hasJars(folder: string): Promise<boolean> {
  const found = await stat(folder).catch(() => undefined);
  return found?.isDirectory() === true;
}

/**
 * Downloads the jars of Kafka's server with Maven (44 MB once, 5 s where the network is good). They appear under their final name in one step, so that a run
 * that is cut short leaves no half a folder, and of two runs at once the slower one finds the work done.
 */
export async function downloadJars(
  folder: string,
  environment: Environment,
  progress: (text: string) => void,
): Promise<void> {
  const staging = await createRunFolder(join(folder, ".."), "XDG_CACHE_HOME");
  try {
    const jars = join(staging.path, "jars");
    progress(`Downloading Apache Kafka ${KAFKA_VERSION} with Maven (once, about 50 MB, to ${folder})`);
    await copyDependencies(jars, environment);
    await rename(jars, folder).catch(async (error: unknown) => {
      if (!(await hasJars(folder))) throw error;
    });
    progress(`Downloaded Apache Kafka ${KAFKA_VERSION}`);
  } finally {
    await staging.remove();
  }
}

async function copyDependencies(into: string, environment: Environment): Promise<void> {
  const maven = await startGuarded({
    command: [
      "mvn",
      "--batch-mode",
      "--quiet",
      "-f",
      join(packageFolder, "kafka", "pom.xml"),
      "dependency:copy-dependencies",
      `-Dkafka.version=${KAFKA_VERSION}`,
      "-DincludeScope=runtime",
      `-DoutputDirectory=${into}`,
    ],
    environment,
    cwd: packageFolder,
  });
  const exit = await maven.exited;
  if (exit.code === 0) return;
  const lines = maven.lastLines();
  if (saysDiskIsFull(lines)) {
    throw new SetupError(
      "Apache Kafka could not be downloaded: the disk is full. Free about 150 MB for Maven's own store (~/.m2) and the cache, or set XDG_CACHE_HOME to a folder on another disk.",
    );
  }
  if (
    /unknown host|could not transfer|connect(ion)? (timed out|refused)|network is unreachable|offline mode/i.test(
      lines.join("\n"),
    )
  ) {
    const reason = lines.find((line) => line.includes("ERROR")) ?? "";
    throw new SetupError(
      `Maven could not download Apache Kafka ${KAFKA_VERSION}. Check the network, and the proxy or mirror in ~/.m2/settings.xml; or set KAFKA_BROKERS to a broker of your own.\n  ${reason}`,
    );
  }
  throw explainFailure("Maven", describeExit(exit), lines);
}

export async function hasMaven(environment: Environment): Promise<boolean> {
  try {
    await promisify(execFile)("mvn", ["--version"], { env: { ...environment } });
    return true;
  } catch {
    // As with Java: one that cannot tell its version cannot download either.
    return false;
  }
}
