import { randomBytes } from "node:crypto";
import { mkdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { freePort } from "./free-port.ts";
import { describeExit, type GuardedProcess, startGuarded } from "./guarded-process.ts";
import { downloadJars, findJava, hasJars, hasMaven, jarFolder } from "./kafka-jars.ts";
import { brokerSettings, type ExtraListener, secureSettings } from "./kafka-settings.ts";
import { whyNotReady } from "./kafka-readiness.ts";
import { explainFailure, isDiskFull, SetupError } from "./setup-error.ts";

export interface KafkaOptions {
  /** A folder that does not exist yet, in one that exists. `stop` leaves it behind. */
  readonly dataDir: string;
  /** Where PATH, JAVA_HOME, HOME and XDG_CACHE_HOME are read from. */
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** A free one by default. */
  readonly port?: number;
  /** Asks clients for TLS and SCRAM-SHA-512; otherwise they connect in the clear and without a name. */
  readonly secure?: {
    /** The broker's key and certificate, as PEM. */
    readonly keyAndCertificate: string;
    /** The authorities of clients' certificates, as PEM; without it clients need none. */
    readonly clientAuthorities?: string;
    /** Passwords by name. */
    readonly users: Readonly<Record<string, string>>;
    /** A name that may do everything, beside the broker itself; with it, all other names may do only what access rules say. */
    readonly superUser?: string;
  };
  /** Further ways to it, by a proxy. */
  readonly extraListeners?: readonly ExtraListener[];
  /** Told of steps that take long, such as a download. */
  readonly progress?: (text: string) => void;
  /** Each line that the broker writes. */
  readonly log?: (line: string) => void;
}

/** One Apache Kafka broker (KRaft, broker and controller in one process) on 127.0.0.1. */
export interface LocalKafka {
  /** `host:port`, as `KAFKA_BROKERS` takes it. */
  readonly brokers: string;
  /** As a power cut ends it (SIGKILL). */
  kill(): Promise<void>;
  /** Starts it again on the same port and data; stops it first when it runs. */
  restart(): Promise<void>;
  /** Ends it for good. */
  stop(): Promise<void>;
}

const READY_TIMEOUT_MS = 120_000;
/** An orderly stop closes every partition's log; after this long it is cut short. */
const STOP_TIMEOUT_MS = 10_000;
/** A small heap that warms up soon: 340 MB resident in all. */
const JVM_FLAGS = ["-Xmx256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"];

/** @returns what this machine lacks to run Kafka without containers, or nothing */
export async function whyNoLocalKafka(environment: KafkaOptions["environment"]): Promise<string | undefined> {
  const java = await findJava(environment);
  const canGetJars = (await hasJars(jarFolder(environment))) || (await hasMaven(environment));
  const missing = [...("missing" in java ? [java.missing] : []), ...(canGetJars ? [] : ["Maven (mvn) was not found"])];
  return missing.length === 0 ? undefined : missing.join(" and ");
}

/** One that runs from its jars, so that its data lies in a folder of ours. */
export interface KafkaProcess extends LocalKafka {
  /** Stops it in its tracks (SIGSTOP), its connections open, until it is thawed. */
  freeze(): void;
  thaw(): void;
  /** Ends it (SIGKILL), throws away all of its data, topics and offsets included, and starts it on the same port. */
  wipe(): Promise<void>;
  /** Gives a name a password, or takes the name away, as an operator does it on a broker that runs; for one that was started as `secure`. */
  setPassword(name: string, password: string | undefined): Promise<void>;
}

/** @throws SetupError in a person's words when this machine cannot run it */
export async function startKafka({
  dataDir,
  environment,
  port: wantedPort,
  secure,
  extraListeners = [],
  progress = () => undefined,
  log,
}: KafkaOptions): Promise<KafkaProcess> {
  const found = await findJava(environment);
  if ("missing" in found)
    throw new SetupError(
      `Kafka cannot be started: ${found.missing}. Install it, for example \`apt install openjdk-17-jre-headless\` or \`brew install openjdk\`.`,
    );
  const jars = jarFolder(environment);
  if (!(await hasJars(jars))) await downloadJars(jars, environment, progress);

  const port = wantedPort ?? (await freePort());
  const controllerPort = await freePort();
  /** Where this process asks the broker how it is, and the broker talks to itself. */
  const internalPort = secure === undefined ? port : await freePort();
  const configFile = join(dataDir, "server.properties");
  const logFolder = join(dataDir, "logs");
  await writeConfiguration();
  const java = (mainClass: string, ...rest: string[]) =>
    startGuarded({
      command: [
        found.java,
        ...JVM_FLAGS,
        `-Dlog4j2.configurationFile=${join(dataDir, "log4j2.properties")}`,
        "-cp",
        join(jars, "*"),
        mainClass,
        ...rest,
      ],
      environment,
      cwd: dataDir,
      onLine: log,
    });

  await format();
  let broker = await launch();

  async function format(): Promise<void> {
    const command = [
      "kafka.tools.StorageTool",
      "format",
      "--cluster-id",
      newClusterId(),
      "--config",
      configFile,
    ] as const;
    const users = Object.entries(secure?.users ?? {}).flatMap(([name, password]) => [
      "--add-scram",
      `SCRAM-SHA-512=[name=${name},password=${password}]`,
    ]);
    const formatting = await java(...command, ...users);
    const exit = await formatting.exited;
    if (exit.code !== 0) throw explainFailure("Kafka", "could not set up its data folder", formatting.lastLines());
  }

  async function writeConfiguration(): Promise<void> {
    try {
      await mkdir(dataDir);
      await writeFile(
        configFile,
        propertiesFile({
          ...brokerSettings({ port, controllerPort, listenHost: "127.0.0.1", extra: extraListeners }),
          ...(await protection()),
          "log.dirs": logFolder,
        }),
      );
      await writeFile(join(dataDir, "log4j2.properties"), LOGGING);
    } catch (error) {
      if (isDiskFull(error)) throw explainFailure("Kafka", "could not set up its data folder", ["ENOSPC"]);
      throw error;
    }
  }

  async function protection(): Promise<ReturnType<typeof brokerSettings>> {
    if (secure === undefined) return {};
    const keystore = join(dataDir, "broker.pem");
    await writeFile(keystore, secure.keyAndCertificate, { mode: 0o600 });
    const truststore = secure.clientAuthorities && join(dataDir, "clients.pem");
    if (truststore !== undefined) await writeFile(truststore, secure.clientAuthorities ?? "");
    return secureSettings({ port, internalPort, controllerPort, keystore, truststore, superUser: secure.superUser });
  }

  async function launch(): Promise<GuardedProcess> {
    const process = await java("kafka.Kafka", configFile);
    await untilReady(process, `127.0.0.1:${internalPort}`);
    return process;
  }

  return {
    brokers: `127.0.0.1:${port}`,
    async kill() {
      await broker.stop("SIGKILL", 0);
    },
    async restart() {
      await broker.stop("SIGTERM", STOP_TIMEOUT_MS);
      broker = await launch();
    },
    freeze: () => broker.signal("SIGSTOP"),
    thaw: () => broker.signal("SIGCONT"),
    async wipe() {
      await broker.stop("SIGKILL", 0);
      await rm(logFolder, { recursive: true });
      await format();
      broker = await launch();
    },
    async setPassword(name, password) {
      const change =
        password === undefined
          ? ["--delete-config", "SCRAM-SHA-512"]
          : ["--add-config", `SCRAM-SHA-512=[password=${password}]`];
      const whom = ["--entity-type", "users", "--entity-name", name];
      const server = ["--bootstrap-server", `127.0.0.1:${internalPort}`];
      const command = await java("kafka.admin.ConfigCommand", ...server, "--alter", ...whom, ...change);
      const exit = await command.exited;
      if (exit.code !== 0)
        throw explainFailure("Kafka", `could not change the password of ${name}`, command.lastLines());
    },
    async stop() {
      // Nobody reads its data again, and an orderly stop takes seconds: 3.5 s with the topics of the shop.
      await broker.stop("SIGKILL", 0);
    },
  };
}

/** 16 bytes in base64url. The first bit is zero, since Kafka's tools take an id that begins with "-" for an option. */
export function newClusterId(): string {
  const bytes = randomBytes(16);
  bytes.writeUInt8(bytes.readUInt8(0) & 0x7f, 0);
  return bytes.toString("base64url");
}

function propertiesFile(settings: Readonly<Record<string, string | number | boolean>>): string {
  return Object.entries(settings)
    .map(([name, value]) => `${name}=${value}\n`)
    .join("");
}

const LOGGING = `
appender.console.type=Console
appender.console.name=console
appender.console.layout.type=PatternLayout
appender.console.layout.pattern=%d{ISO8601} %p %m (%c{1})%n%ex{short}
rootLogger.level=WARN
rootLogger.appenderRef.console.ref=console
`;

async function untilReady(broker: GuardedProcess, address: string): Promise<void> {
  const deadline = performance.now() + READY_TIMEOUT_MS;
  for (;;) {
    if (!broker.isRunning()) throw explainFailure("Kafka", describeExit(await broker.exited), broker.lastLines());
    const refusal = await whyNotReady(address);
    if (refusal === undefined) return;
    if (performance.now() > deadline) {
      await broker.stop("SIGKILL", 0);
      throw explainFailure(
        "Kafka",
        `did not answer within ${READY_TIMEOUT_MS / 1000} s (${refusal})`,
        broker.lastLines(),
      );
    }
    await Bun.sleep(50);
  }
}
