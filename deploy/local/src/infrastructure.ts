import { tmpdir } from "node:os";
import { join } from "node:path";
import { hasContainerEngine, startKafkaContainer, startPostgresContainer } from "./containers.ts";
import { untilReachable } from "./kafka-address.ts";
import { type LocalKafka, startKafka, whyNoLocalKafka } from "./kafka.ts";
import { createRunTimeRole, type LocalPostgres, startPostgres } from "./postgres.ts";
import { reachableFolder, unprivilegedUser } from "./postgres-binaries.ts";
import { createRunFolder, type RunFolder } from "./run-folder.ts";
import { SetupError } from "./setup-error.ts";

export interface InfrastructureOptions {
  /** Read for `NAME_DATABASE_URL`, `NAME_MIGRATION_DATABASE_URL`, `KAFKA_BROKERS`, `INFRA`, and what Java and Maven need. */
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** What the setting for Kafka is called where the person sets it; `KAFKA_BROKERS` by default. */
  readonly kafkaSetting?: string;
  /** One database each, unless its `NAME_DATABASE_URL` is given. */
  readonly databases: readonly string[];
  /** Whether PostgreSQL waits for the disk; true by default. */
  readonly fsync?: boolean;
  readonly progress?: (text: string) => void;
  /** Each line that PostgreSQL and Kafka write. */
  readonly onLine?: (name: string, line: string) => void;
}

export interface Infrastructure {
  /** Each with the role that owns the tables. */
  readonly databaseUrls: ReadonlyMap<string, string>;
  /** Each with the role that the service works with: it can read and write rows. */
  readonly runTimeDatabaseUrls: ReadonlyMap<string, string>;
  readonly kafkaBrokers: string;
  /** For faults; absent when all database addresses were given. */
  readonly postgres: LocalPostgres | undefined;
  /** For faults; absent when `KAFKA_BROKERS` was given. */
  readonly kafka: LocalKafka | undefined;
  stop(): Promise<void>;
}

/**
 * PostgreSQL and Kafka: what the environment names, else servers of our own on free ports, each run with fresh data that goes with it.
 * @throws SetupError in a person's words when this machine lacks something, or a given Kafka cannot be reached; whatever had been started is stopped again
 */
export async function startInfrastructure(options: InfrastructureOptions): Promise<Infrastructure> {
  const { environment, databases } = options;
  const mode = environment["INFRA"];
  if (mode !== undefined && mode !== "" && mode !== "testcontainers") {
    throw new SetupError(
      `INFRA=${mode} is not known. Set it to testcontainers, or leave it unset to run without containers.`,
    );
  }
  const inContainers = mode === "testcontainers";
  const given = new Map(databases.flatMap((name) => entryOf(name, environment[`${name.toUpperCase()}_DATABASE_URL`])));
  const givenOwners = [...given].map(([name, url]): [string, string] => [
    name,
    environment[`${name.toUpperCase()}_MIGRATION_DATABASE_URL`] || url,
  ]);
  const wanted = databases.filter((name) => !given.has(name));
  const givenBrokers = environment["KAFKA_BROKERS"] || undefined;
  if (givenBrokers !== undefined)
    await untilReachable(givenBrokers, {
      setting: options.kafkaSetting ?? "KAFKA_BROKERS",
      progress: options.progress,
    });

  const folder = await dataFolder();
  const [postgres, kafka] = await Promise.allSettled([
    wanted.length === 0 ? undefined : openPostgres(options, folder, inContainers),
    givenBrokers !== undefined ? undefined : openKafka(options, folder, inContainers),
  ]);
  const stop = async () => {
    const started = [kafka, postgres].flatMap((part) =>
      part.status === "fulfilled" && part.value !== undefined ? [part.value] : [],
    );
    await Promise.all(started.map((part) => part.stop()));
    await folder.remove();
  };
  try {
    if (postgres.status === "rejected") throw postgres.reason;
    if (kafka.status === "rejected") throw kafka.reason;
    const created = postgres.value === undefined ? [] : await createDatabases(postgres.value, wanted);
    const kafkaBrokers = givenBrokers ?? kafka.value?.brokers;
    if (kafkaBrokers === undefined) throw new Error("Kafka was neither given nor started");
    return {
      databaseUrls: new Map([...givenOwners, ...created.map(({ name, url }): [string, string] => [name, url])]),
      runTimeDatabaseUrls: new Map([
        ...given,
        ...created.map(({ name, runTimeUrl }): [string, string] => [name, runTimeUrl]),
      ]),
      kafkaBrokers,
      postgres: postgres.value,
      kafka: kafka.value,
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

function entryOf(name: string, url: string | undefined): [string, string][] {
  return url === undefined || url === "" ? [] : [[name, url]];
}

/** In the first folder for temporary files that the user who runs PostgreSQL can reach: root's own TMPDIR may be closed to others. */
export async function dataFolder(): Promise<RunFolder> {
  return createRunFolder(await reachableFolder([tmpdir(), "/tmp", "/var/tmp"], await unprivilegedUser()));
}

async function openPostgres(
  { fsync, progress, onLine }: InfrastructureOptions,
  folder: RunFolder,
  inContainer: boolean,
): Promise<LocalPostgres> {
  if (inContainer) return startPostgresContainer(progress === undefined ? {} : { progress });
  progress?.("Starting PostgreSQL");
  return startPostgres({
    dataDir: join(folder.path, "postgres"),
    fsync: fsync ?? true,
    log: (line) => onLine?.("postgres", line),
  });
}

async function openKafka(
  { environment, progress, onLine }: InfrastructureOptions,
  folder: RunFolder,
  inContainer: boolean,
): Promise<LocalKafka> {
  const told = progress === undefined ? {} : { progress };
  if (inContainer) return startKafkaContainer(told);
  const missing = await whyNoLocalKafka(environment);
  if (missing === undefined) {
    progress?.("Starting Kafka");
    return startKafka({
      dataDir: join(folder.path, "kafka"),
      environment,
      log: (line) => onLine?.("kafka", line),
      ...told,
    });
  }
  if (await hasContainerEngine()) return startKafkaContainer(told);
  throw new SetupError(
    `Kafka cannot be started here: ${missing}, and no Docker engine answers. Install Java 17 or newer and Maven (\`apt install openjdk-17-jre-headless maven\`, \`brew install openjdk maven\`), or start Docker, or set KAFKA_BROKERS to a broker of your own.`,
  );
}

/** One after the other: each is a copy of the same template, which PostgreSQL locks. */
async function createDatabases(server: LocalPostgres, names: readonly string[]) {
  const created = [];
  for (const name of names) {
    const url = await server.createDatabase(name);
    created.push({ name, url, runTimeUrl: await createRunTimeRole(server.url, url) });
  }
  return created;
}
