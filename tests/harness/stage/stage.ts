import { join } from "node:path";
import { type ProcessName, participants, processNames, type ServiceName, serviceNames } from "@shop/contracts/services";
import { describeExit } from "@shop/local/guarded-process";
import { freePort } from "@shop/local/free-port";
import { dataFolder } from "@shop/local/infrastructure";
import { type KafkaProcess, startKafka } from "@shop/local/kafka";
import { type LocalPostgres, startPostgres } from "@shop/local/postgres";
import { startSystem, type System } from "@shop/local/system";
import { Kafka, logLevel } from "kafkajs";
import { buildRelease } from "../release/build.ts";
import { type Edit, nextRelease, releaseAfterNext } from "../release/edits.ts";
import { type ClockOfReplica, clockFor } from "./clock.ts";
import { watchHealth } from "./health.ts";
import { keepLedger } from "./ledger.ts";
import { type KafkaLink, openKafkaLink } from "./kafka-link.ts";
import { type Link, openLink } from "./link.ts";
import { mountSmallDisk, type SmallDisk } from "./small-disk.ts";

/** What a fault needs to be brought about. */
export interface Needs {
  /** Processes of each service; two, so that there is somebody to take over. */
  readonly replicas?: number;
  /** The same of frontend, gateway and user, which are one each otherwise. */
  readonly edgeReplicas?: number;
  /** Whether the load balancers ask the replicas for their readiness, and send nobody to one that is not ready. */
  readonly healthChecks?: boolean;
  /** Whether Kafka and the databases are reached through links that can be cut. */
  readonly links?: boolean;
  /** Whether the clock of each participant can be moved. */
  readonly clocks?: boolean;
  /** Whether there are further releases of the services. */
  readonly releases?: boolean;
  /** Whether Kafka and the order service's PostgreSQL have a small disk each. */
  readonly smallDisks?: boolean;
}

/** The servers that can have a small disk. */
export const diskOwners = ["kafka", "order"] as const;
export type DiskOwner = (typeof diskOwners)[number];

/** A whole system of real processes, and all that is needed to hurt it. */
export interface Stage {
  readonly system: System;
  readonly kafka: KafkaProcess;
  /** To the broker itself, past all links. */
  readonly client: Kafka;
  /** One server per service, as in production. */
  readonly databases: ReadonlyMap<ServiceName, LocalPostgres>;
  /** By replica; empty without `links`. */
  readonly kafkaLinks: ReadonlyMap<string, KafkaLink>;
  readonly databaseLinks: ReadonlyMap<string, Link>;
  /** Before each replica, on its callers' way to it; empty without `links`. */
  readonly doors: ReadonlyMap<string, Link>;
  /** By replica; empty without `clocks`. */
  readonly clocks: ReadonlyMap<string, ClockOfReplica>;
  /** Empty without `smallDisks`. */
  readonly disks: ReadonlyMap<DiskOwner, SmallDisk>;
  /** Folders from which services of further releases run; undefined without `releases`. */
  readonly releases: { readonly next: string | undefined; readonly afterNext: string | undefined };
  /** A process that is named here may end by itself. */
  readonly doomed: Set<string>;
  /** The newest lines that the processes wrote. */
  readonly lines: readonly string[];
  /** The address of a service's database, past all links: its own role's, and a superuser's. */
  readonly databaseUrls: ReadonlyMap<string, string>;
  superuserUrl(service: ServiceName): string;
  /** The names of a service's replicas. */
  replicasOf(service: ProcessName): readonly string[];
  stop(): Promise<void>;
}

const LINES_KEPT = 4_000;
/** For PostgreSQL's own files, its write-ahead log, and a copy of its programs when they cannot be run where they are. */
const DISK_MEGABYTES = 384;
/** One process each is enough of what holds nothing. */
const EDGES = ["frontend", "gateway", "user"];

/**
 * @param note told what is going on
 * @param ended told of a process that ended by itself; it is started again, as a container would be
 * @param logged told each line of each process
 * @throws SetupError when this machine lacks something; whatever had been started is stopped again
 */
export async function startStage(
  needs: Needs,
  note: (text: string) => void,
  ended: (text: string) => void,
  logged: (name: string, line: string) => void = () => undefined,
): Promise<Stage> {
  const folder = await dataFolder();
  const closers: (() => Promise<unknown>)[] = [() => folder.remove()];
  const stop = async () => {
    for (let close = closers.pop(); close !== undefined; close = closers.pop()) await close();
  };
  const lines: string[] = [];
  const onLine = (name: string, line: string) => {
    logged(name, line);
    if (lines.push(`${name} ${line}`) > LINES_KEPT) lines.shift();
  };
  try {
    const names = new Map(
      processNames.map((name) => {
        const count = EDGES.includes(name) ? (needs.edgeReplicas ?? 1) : (needs.replicas ?? 2);
        return [name, replicaNames(name, count)];
      }),
    );
    const linked = needs.links ? participants.flatMap((name) => names.get(name) ?? []) : [];

    note("starting PostgreSQL, one server per service, and Kafka");
    const listeners = new Map<string, { readonly port: number; readonly advertisedPort: number }>();
    for (const name of linked) listeners.set(name, { port: await freePort(), advertisedPort: await freePort() });
    const disks = new Map<DiskOwner, SmallDisk>();
    for (const owner of needs.smallDisks ? diskOwners : []) {
      const disk = await mountSmallDisk(join(folder.path, `disk-${owner}`), DISK_MEGABYTES);
      closers.push(() => disk.unmount());
      disks.set(owner, disk);
    }
    const folderOf = (owner: string) => disks.get(owner as DiskOwner)?.folder ?? folder.path;
    const starting = Promise.allSettled([
      startKafka({
        dataDir: join(folderOf("kafka"), "kafka"),
        environment: process.env,
        extraListeners: [...listeners.values()],
        log: (line) => onLine("kafka", line),
      }),
      ...serviceNames.map((owner) =>
        startPostgres({
          dataDir: join(folderOf(owner), `postgres-${owner}`),
          log: (line) => onLine(`postgres-${owner}`, line),
        }),
      ),
    ] as const);
    const [kafkaStart, ...databaseStarts] = await starting;
    if (kafkaStart.status === "fulfilled") closers.push(() => kafkaStart.value.stop());
    for (const start of databaseStarts) if (start.status === "fulfilled") closers.push(() => start.value.stop());
    if (kafkaStart.status === "rejected") throw kafkaStart.reason;
    const kafka = kafkaStart.value;
    const databases = new Map<ServiceName, LocalPostgres>();
    const databaseUrls = new Map<string, string>();
    for (const [index, start] of databaseStarts.entries()) {
      if (start.status === "rejected") throw start.reason;
      const owner = serviceNames[index] as ServiceName;
      databases.set(owner, start.value);
      databaseUrls.set(owner, await start.value.createDatabase(owner));
    }

    const kafkaLinks = new Map<string, KafkaLink>();
    const databaseLinks = new Map<string, Link>();
    for (const [name, { port, advertisedPort }] of listeners) {
      kafkaLinks.set(name, await openKafkaLink(advertisedPort, () => [port]));
      const database = databases.get(serviceOf(name) as ServiceName);
      databaseLinks.set(name, await openLink(await freePort(), () => [database?.port ?? 0]));
    }
    const doors = new Map<string, Link>();
    const balancers: Link[] = [];
    const links = () => [...kafkaLinks.values(), ...databaseLinks.values(), ...doors.values(), ...balancers];
    closers.push(() => Promise.all(links().map((link) => link.close())));

    const release = (name: string, edits: readonly Edit[]) =>
      needs.releases ? buildRelease(join(folder.path, name), edits) : undefined;
    const releases = {
      next: await release("next", nextRelease),
      afterNext: await release("after-next", releaseAfterNext),
    };

    const clocks = new Map<string, ClockOfReplica>();
    const doomed = new Set<string>();
    note("starting the services");
    const system = await startSystem({
      environment: {
        ...process.env,
        KAFKA_BROKERS: kafka.brokers,
        ...Object.fromEntries([...databaseUrls].map(([owner, url]) => [`${owner.toUpperCase()}_DATABASE_URL`, url])),
      },
      ports: "free",
      replicas: Object.fromEntries([...names].map(([name, all]) => [name, all.length])),
      settings: { SEED_DEMO_DATA: "true", RATE_LIMIT_PER_USER_PER_SECOND: "100000", LOG_LEVEL: "info" },
      async frontDoor(name, replicas) {
        if (name === "frontend") {
          // With nothing to balance it would only take the time of the program that makes the calls.
          if (replicas.length === 1) return undefined;
          const health = watchHealth(replicas, needs.healthChecks ?? false);
          closers.push(() => health.stop());
          const balancer = await openLink(await freePort(), () => health.ready().map(({ url }) => portOf(url)));
          balancers.push(balancer);
          return `http://127.0.0.1:${balancer.port}`;
        }
        if (!needs.links) return undefined;
        for (const { name: replica, url } of replicas)
          doors.set(replica, await openLink(await freePort(), () => [portOf(url)]));
        return replicas.map(({ name: replica }) => `http://127.0.0.1:${doors.get(replica)?.port}`).join(",");
      },
      settingsOf({ name }, service) {
        const clock = needs.clocks ? clockFor(name, folder.path) : undefined;
        if (clock) clocks.set(name, clock);
        return {
          ...linkedAddresses(service, kafkaLinks.get(name), databaseLinks.get(name), databaseUrls),
          ...clock?.environment,
        };
      },
      onLine,
      onUnexpectedExit(name, exit, lastLines) {
        const text = `${name} ${describeExit(exit)} by itself: ${lastLines.slice(-3).join(" / ")}`;
        if (doomed.has(name)) note(text);
        else ended(text);
        void system.supervisor.restart(name);
      },
    });
    closers.push(() => system.stop());
    const superuserUrl = (service: ServiceName) => {
      const url = new URL(databases.get(service)?.url ?? "");
      url.pathname = `/${service}`;
      return url.href;
    };
    for (const name of participants) await keepLedger(name, superuserUrl(name));
    return {
      ...{
        system,
        kafka,
        databases,
        kafkaLinks,
        databaseLinks,
        doors,
        clocks,
        disks,
        releases,
        doomed,
        lines,
        databaseUrls,
        superuserUrl,
        stop,
      },
      client: new Kafka({ brokers: [kafka.brokers], logLevel: logLevel.NOTHING, retry: { retries: 10 } }),
      replicasOf: (service) => names.get(service) ?? [],
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

function portOf(url: string): number {
  return Number(new URL(url).port);
}

function replicaNames(name: string, count: number): readonly string[] {
  return Array.from({ length: count }, (_, index) => (index === 0 ? name : `${name}-${index + 1}`));
}

/** The service that a replica is one of. */
function serviceOf(replica: string): string {
  return replica.replace(/-\d+$/, "");
}

function linkedAddresses(
  service: ProcessName,
  kafkaLink: Link | undefined,
  databaseLink: Link | undefined,
  databaseUrls: ReadonlyMap<string, string>,
): Record<string, string> {
  if (kafkaLink === undefined || databaseLink === undefined) return {};
  const database = new URL(databaseUrls.get(service) ?? "");
  database.port = String(databaseLink.port);
  return { KAFKA_BROKERS: `127.0.0.1:${kafkaLink.port}`, DATABASE_URL: database.href };
}
