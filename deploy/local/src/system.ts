import { MANAGEMENT_PORT_OFFSET, type ProcessName, serviceNames } from "@shop/contracts/services";
import { join } from "node:path";
import { ENGINE_OPTIONS } from "./engine-options.ts";
import { freePort } from "./free-port.ts";
import { type Infrastructure, type InfrastructureOptions, startInfrastructure } from "./infrastructure.ts";
import { packageFolder } from "./postgres-binaries.ts";
import { environmentOf, innermostFirst } from "./services.ts";
import { requireServicePorts, servicePorts } from "./service-ports.ts";
import { createSupervisor, type ProcessSpec, type Supervisor, type SupervisorOptions } from "./supervisor.ts";

/** Nothing but our own processes sends calls to them here, and these notice within half of it. */
const LOCAL_DRAIN_MS = "600";
const repositoryFolder = join(packageFolder, "..", "..");

export interface SystemOptions extends Omit<InfrastructureOptions, "databases">, SupervisorOptions {
  /** `default`: as `servicePorts` reads them from the environment; `free`: any. */
  readonly ports: "free" | "default";
  /** How many processes of a service; one by default. All of them work on the same topics and database; see `frontDoor` for who is sent requests. */
  readonly replicas?: Partial<Record<ProcessName, number>>;
  /** Settings for every service, which win over those of `environment`: `SEED_DEMO_DATA`, `TOPIC_PREFIX`, … */
  readonly settings?: Readonly<Record<string, string>>;
  /** Settings of one replica alone, which win over all others. */
  readonly settingsOf?: (replica: Replica, service: ProcessName) => Readonly<Record<string, string>>;
  /** A load balancer before the replicas of a service. Without one the others know each of its replicas, and clients the first one. */
  readonly frontDoor?: (service: ProcessName, replicas: readonly Replica[]) => Promise<string | undefined>;
  /** Starts a service again when its code changes. */
  readonly watch?: boolean;
  /** Waits until every check of every service is ok, Kafka's among them; by default until each takes requests, which it does without Kafka. */
  readonly untilEveryCheckIsOk?: boolean;
}

export interface Replica {
  /** Its name for the supervisor: `order`, `order-2`, … */
  readonly name: string;
  readonly url: string;
  readonly managementUrl: string;
}

export interface RunningService {
  /** Where clients reach it: its load balancer, or its first replica. */
  readonly url: string;
  /** That of the first replica. */
  readonly managementUrl: string;
  readonly replicas: readonly Replica[];
  /** Of the replicas that run now. */
  pids(): readonly number[];
}

export interface System {
  readonly frontendUrl: string;
  readonly gatewayUrl: string;
  readonly services: Readonly<Record<ProcessName, RunningService>>;
  /** By service, with the role that owns the tables. */
  readonly databaseUrls: ReadonlyMap<string, string>;
  readonly kafkaBrokers: string;
  readonly infrastructure: Infrastructure;
  readonly supervisor: Supervisor;
  /** Frontend first, then gateway, then the others, then Kafka and PostgreSQL; the data of this run is removed. */
  stop(): Promise<void>;
}

/**
 * Brings up the whole system on this machine and waits until each service is ready.
 * @throws SetupError in a person's words; whatever had been started is stopped again
 */
export async function startSystem(options: SystemOptions): Promise<System> {
  const { environment, progress } = options;
  const replicas = await placeReplicas(options);
  const infrastructure = await startInfrastructure({ ...options, databases: serviceNames });
  const supervisor = createSupervisor(options);
  let stopping: Promise<void> | undefined;
  const stop = () => {
    stopping ??= supervisor.stopAll().then(() => infrastructure.stop());
    return stopping;
  };
  try {
    const urls = new Map<ProcessName, readonly string[]>();
    for (const [name, all] of replicas) {
      const door = await options.frontDoor?.(name, all);
      urls.set(name, door === undefined ? all.map(({ url }) => url) : [door]);
    }
    const { databaseUrls, runTimeDatabaseUrls, kafkaBrokers } = infrastructure;
    const specs = innermostFirst.flatMap((name) =>
      (replicas.get(name) ?? []).map((replica) =>
        specOf(name, replica, {
          command: commandOf(name, options.watch ?? false),
          environment: {
            DRAIN_MS: LOCAL_DRAIN_MS,
            ...ENGINE_OPTIONS,
            ...withoutAddresses(environment),
            ...options.settings,
            ...environmentOf(name, { databaseUrls, runTimeDatabaseUrls, kafkaBrokers, urls }),
            ...options.settingsOf?.(replica, name),
          },
          ...(options.untilEveryCheckIsOk && { lacks: (answer) => failedChecks(answer, environment) }),
        }),
      ),
    );
    progress?.(`Starting ${specs.length} service processes`);
    await supervisor.start(specs);

    const services = Object.fromEntries(
      [...replicas].map(([name, all]): [string, RunningService] => [
        name,
        {
          url: urls.get(name)?.[0] ?? all[0].url,
          managementUrl: all[0].managementUrl,
          replicas: all,
          pids: () => all.flatMap((replica) => supervisor.pids().get(replica.name) ?? []),
        },
      ]),
    ) as Record<ProcessName, RunningService>;
    return {
      frontendUrl: services.frontend.url,
      gatewayUrl: services.gateway.url,
      services,
      databaseUrls,
      kafkaBrokers,
      infrastructure,
      supervisor,
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

type AtLeastOne<Item> = readonly [Item, ...Item[]];

async function placeReplicas({
  ports,
  replicas = {},
  environment,
}: SystemOptions): Promise<ReadonlyMap<ProcessName, AtLeastOne<Replica>>> {
  const fixed = ports === "default" ? servicePorts(environment) : new Map<ProcessName, number>();
  await requireServicePorts(fixed);
  const placed = new Map<ProcessName, AtLeastOne<Replica>>();
  for (const name of innermostFirst) {
    const port = fixed.get(name);
    const first = port === undefined ? await freePlace(name) : placeAt(name, port, port + MANAGEMENT_PORT_OFFSET);
    const more: Replica[] = [];
    for (let number = 2; number <= (replicas[name] ?? 1); number += 1) more.push(await freePlace(`${name}-${number}`));
    placed.set(name, [first, ...more]);
  }
  return placed;
}

async function freePlace(name: string): Promise<Replica> {
  return placeAt(name, await freePort(), await freePort());
}

function placeAt(name: string, port: number, managementPort: number): Replica {
  return { name, url: `http://127.0.0.1:${port}`, managementUrl: `http://127.0.0.1:${managementPort}` };
}

function specOf(
  service: ProcessName,
  { name, url, managementUrl }: Replica,
  rest: Pick<ProcessSpec, "command" | "environment" | "lacks">,
): ProcessSpec {
  const tier = service === "frontend" ? 2 : service === "gateway" ? 1 : 0;
  return {
    name,
    tier,
    ...rest,
    environment: { ...rest.environment, PORT: new URL(url).port, MANAGEMENT_PORT: new URL(managementUrl).port },
    cwd: repositoryFolder,
    readyUrl: `${managementUrl}/readyz`,
  };
}

/** Which checks of a readiness answer are not ok; a broker of one's own is named by its setting. */
async function failedChecks(answer: Response, { KAFKA_BROKERS: given }: SystemOptions["environment"]) {
  const { checks } = (await answer.json()) as { readonly checks: Readonly<Record<string, string>> };
  const failed = Object.entries(checks).filter(([, detail]) => detail !== "ok");
  if (failed.length === 0) return undefined;
  const text = failed.map(([name, detail]) => `${name}: ${detail}`).join("; ");
  return given && "kafka" in Object.fromEntries(failed)
    ? `${text}; KAFKA_BROKERS=${given} does not serve it: is it Kafka, and do KAFKA_TLS and KAFKA_SASL_USERNAME fit it?`
    : text;
}

function commandOf(service: ProcessName, watch: boolean): [string, ...string[]] {
  const entry = join("services", service, "src", "main.ts");
  return [process.execPath, ...(watch ? ["--watch", "--no-clear-screen"] : []), entry];
}

/** A service is told its own addresses; it has no business with those of the others' databases. */
function withoutAddresses(environment: SystemOptions["environment"]): Record<string, string | undefined> {
  return Object.fromEntries(
    Object.entries(environment).filter(([name]) => !/(^|_)(DATABASE_URL|POSTGRES_URL|KAFKA_BROKERS|PORT)$/.test(name)),
  );
}
