import { freePort } from "./free-port.ts";
import type { LocalKafka } from "./kafka.ts";
import { whyNotReady } from "./kafka-readiness.ts";
import { brokerSettings, KAFKA_VERSION } from "./kafka-settings.ts";
import {
  createOwnedDatabase,
  isolateSystemDatabases,
  type LocalPostgres,
  newPassword,
  tryConnect,
} from "./postgres.ts";
import { SetupError } from "./setup-error.ts";

const POSTGRES_IMAGE = "postgres:18.4-alpine";
const KAFKA_IMAGE = `apache/kafka:${KAFKA_VERSION}`;
const READY_TIMEOUT_MS = 120_000;

interface ContainerOptions {
  readonly progress?: (text: string) => void;
}

/** Loaded only when asked for: it is large, and most runs have no containers. */
async function testcontainers(): Promise<typeof import("testcontainers")> {
  try {
    return await import("testcontainers");
  } catch (error) {
    throw new SetupError(
      "The testcontainers package is not installed. Run `bun install` (with development dependencies).",
      { cause: error },
    );
  }
}

/** Whether a Docker engine, or one that speaks its language, answers. */
export async function hasContainerEngine(): Promise<boolean> {
  const { getContainerRuntimeClient } = await testcontainers();
  return getContainerRuntimeClient().then(
    () => true,
    () => false,
  );
}

/** @throws SetupError when no engine answers or the image does not start */
export async function startPostgresContainer({ progress = () => undefined }: ContainerOptions): Promise<LocalPostgres> {
  progress(`Starting PostgreSQL in a container (${POSTGRES_IMAGE})`);
  const password = newPassword();
  const port = await freePort();
  const container = await startContainer(
    POSTGRES_IMAGE,
    { POSTGRES_PASSWORD: password },
    { host: port, container: 5432 },
    ["-c", "max_connections=300"],
  );
  const url = `postgres://postgres:${password}@127.0.0.1:${port}/postgres`;
  const ready = () => untilReady(POSTGRES_IMAGE, () => tryConnect(url));
  await ready();
  await isolateSystemDatabases(url);
  return { port, url, createDatabase: (name) => createOwnedDatabase(url, port, name), ...lifeOf(container, ready) };
}

/** @throws SetupError when no engine answers or the image does not start */
export async function startKafkaContainer({ progress = () => undefined }: ContainerOptions): Promise<LocalKafka> {
  progress(`Starting Kafka in a container (${KAFKA_IMAGE})`);
  // A client is told the broker's address by the broker itself, so the port outside must be known before the start, and be the same inside.
  const port = await freePort();
  const settings = brokerSettings({ port, controllerPort: port + 1, listenHost: "0.0.0.0" });
  const environment = Object.entries(settings).map(([name, value]) => [
    `KAFKA_${name.toUpperCase().replaceAll(".", "_")}`,
    String(value),
  ]);
  const container = await startContainer(KAFKA_IMAGE, Object.fromEntries(environment), { host: port, container: port });
  const brokers = `127.0.0.1:${port}`;
  const ready = () => untilReady(KAFKA_IMAGE, () => whyNotReady(brokers));
  await ready();
  return { brokers, ...lifeOf(container, ready) };
}

interface RunningContainer {
  kill(): Promise<void>;
  start(): Promise<void>;
  stop(): Promise<void>;
  remove(): Promise<void>;
}

async function startContainer(
  image: string,
  environment: Record<string, string>,
  port: { host: number; container: number },
  command: string[] = [],
): Promise<RunningContainer> {
  const { GenericContainer, getContainerRuntimeClient } = await testcontainers();
  const engine = await getContainerRuntimeClient().catch((cause: unknown) => {
    throw new SetupError(
      "No Docker engine answers. Start Docker, or leave INFRA unset to run PostgreSQL and Kafka without containers.",
      { cause },
    );
  });
  const definition = new GenericContainer(image)
    .withEnvironment(environment)
    .withExposedPorts(port)
    .withCommand(command)
    .withStartupTimeout(READY_TIMEOUT_MS);
  const started = await definition.start().catch((cause: unknown) => {
    throw new SetupError(
      `The container ${image} did not start: ${cause instanceof Error ? cause.message : String(cause)}. Check that \`docker run ${image}\` works.`,
      { cause },
    );
  });
  const container = engine.container.getById(started.getId());
  return {
    kill: async () => void (await container.kill()),
    start: async () => void (await container.start()),
    stop: async () => void (await container.stop()),
    remove: async () => void (await started.stop({ remove: true, removeVolumes: true })),
  };
}

function lifeOf(
  container: RunningContainer,
  ready: () => Promise<void>,
): Pick<LocalKafka, "kill" | "restart" | "stop"> {
  let running = true;
  return {
    async kill() {
      running = false;
      await container.kill();
    },
    async restart() {
      if (running) await container.stop();
      await container.start();
      running = true;
      await ready();
    },
    stop: () => container.remove(),
  };
}

async function untilReady(image: string, whyNot: () => Promise<string | undefined>): Promise<void> {
  const deadline = performance.now() + READY_TIMEOUT_MS;
  for (;;) {
    const refusal = await whyNot();
    if (refusal === undefined) return;
    if (performance.now() > deadline)
      throw new SetupError(
        `The container ${image} did not answer within ${READY_TIMEOUT_MS / 1000} s: ${refusal}. Look at its log with \`docker logs\`.`,
      );
    await Bun.sleep(100);
  }
}
