import { type Infrastructure, startInfrastructure } from "@shop/local/infrastructure";
import type { LocalPostgres } from "@shop/local/postgres";
import { SetupError } from "@shop/local/setup-error";
import postgres, { type Sql } from "postgres";
import { childrenOf, commandOf } from "./proc.ts";

/** PostgreSQL (with fsync) and Kafka of one side alone, so that all that they use is this side's. */
export interface Servers {
  readonly infrastructure: Infrastructure;
  /** A connection as superuser, which stays open until the servers stop. The benchmark's own connections are told apart by this role. */
  connect(database: string): Sql;
  readonly postgresPid: number;
  readonly kafkaPid: number;
  stop(): Promise<void>;
}

/** Commit times are how latencies are read; the other counts statements. Every side has both. */
const SETTINGS = { track_commit_timestamp: "on", shared_preload_libraries: "pg_stat_statements" } as const;

/**
 * Starts servers of the kind that `deploy/local` starts for the product. What the environment says about addresses is not used.
 * @throws SetupError when this machine cannot run them without containers
 */
export async function startServers(databases: readonly string[]): Promise<Servers> {
  const environment = Object.fromEntries(
    Object.entries(process.env).filter(([name]) => !/(_DATABASE_URL|^KAFKA_BROKERS|^INFRA)$/.test(name)),
  );
  const infrastructure = await startInfrastructure({ environment, databases });
  try {
    const { postgres: server, kafkaBrokers } = infrastructure;
    if (server === undefined) throw new SetupError("The benchmark needs a PostgreSQL of its own.");
    await configure(server);
    const connections = new Map<string, Sql>();
    const connect = (database: string) => {
      const url = new URL(server.url);
      url.pathname = `/${database}`;
      const sql = connections.get(database) ?? postgres(url.href, { max: 1, onnotice: () => undefined });
      connections.set(database, sql);
      return sql;
    };
    await connect("postgres")`create extension pg_stat_statements`;
    const [postgresPid, kafkaPid] = await Promise.all([
      processOf("PostgreSQL", (words) => words.includes("-p") && words.includes(String(server.port))),
      processOf("Kafka", async (words) => {
        if (!words.includes("kafka.Kafka")) return false;
        return (await Bun.file(words.at(-1) ?? "").text()).includes(`//${kafkaBrokers}`);
      }),
    ]);
    return {
      ...{ infrastructure, connect, postgresPid, kafkaPid },
      async stop() {
        for (const sql of connections.values()) await sql.end({ timeout: 1 });
        await infrastructure.stop();
      },
    };
  } catch (error) {
    await infrastructure.stop();
    throw error;
  }
}

async function configure(server: LocalPostgres): Promise<void> {
  const admin = postgres(server.url, { max: 1, onnotice: () => undefined });
  for (const [name, value] of Object.entries(SETTINGS)) await admin.unsafe(`alter system set ${name} = '${value}'`);
  await admin.end();
  await server.restart();
}

/** Of the programs that this process has started, the one whose command line is meant. */
async function processOf(
  name: string,
  isMeant: (words: readonly string[]) => boolean | Promise<boolean>,
): Promise<number> {
  for (const pid of await childrenOf(process.pid)) if (await isMeant(await commandOf(pid))) return pid;
  throw new SetupError(
    `The process of ${name} was not found: the benchmark reads /proc, and needs servers without containers.`,
  );
}
