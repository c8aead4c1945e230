import type { Servers } from "./servers.ts";
import type { Side } from "./side.ts";
import { childrenOf, commandOf, cpuMsOf, familyCpuMsOf, memoryMbOf } from "./proc.ts";

/** Milliseconds of CPU since their starts, by a process, a server, or a database of a server. */
export interface CpuReading {
  readonly processes: ReadonlyMap<string, number>;
  readonly kafka: number;
  /** All of PostgreSQL, its ended backends too, but not those of the benchmark. */
  readonly postgres: number;
  /** By backend, with what it works for. */
  readonly backends: ReadonlyMap<number, { readonly of: string; readonly ms: number }>;
}

/** What the benchmark's own connections are counted as: they are none of the system's. */
const OWN = "benchmark";

export async function readCpu(side: Side): Promise<CpuReading> {
  const { postgresPid, kafkaPid } = side.servers;
  const processes = new Map<string, number>();
  for (const [name, pid] of side.processes()) processes.set(name, await cpuMsOf(pid));
  const backends = new Map<number, { of: string; ms: number }>();
  for (const pid of await childrenOf(postgresPid)) {
    const of = backendOf((await commandOf(pid))[0] ?? "");
    backends.set(pid, { of, ms: await cpuMsOf(pid) });
  }
  const own = [...backends.values()].filter(({ of }) => of === OWN).reduce((sum, { ms }) => sum + ms, 0);
  const postgres = (await familyCpuMsOf(postgresPid)) - own;
  return { processes, backends, postgres, kafka: await cpuMsOf(kafkaPid) };
}

/** `postgres: ROLE DATABASE ADDRESS state` of a client's backend; of the server's own processes `postgres: what it is`. */
function backendOf(title: string): string {
  const [, role, database, address] = title.split(" ");
  if (!address?.includes("(")) return "server";
  return role === "postgres" ? OWN : (database ?? "server");
}

/**
 * CPU between two readings, in milliseconds, by `order`, `kafka`, `postgres order`, …
 * What a backend used that ended in between is with `postgres server`, as are checkpoints, the WAL writer and vacuum.
 */
export function cpuBetween(before: CpuReading, after: CpuReading): Readonly<Record<string, number>> {
  const used: Record<string, number> = {};
  for (const [name, ms] of after.processes) used[name] = ms - (before.processes.get(name) ?? 0);
  let ofDatabases = 0;
  for (const [pid, { of, ms }] of after.backends) {
    if (of === OWN || of === "server") continue;
    const since = ms - (before.backends.get(pid)?.ms ?? 0);
    used[`postgres ${of}`] = (used[`postgres ${of}`] ?? 0) + since;
    ofDatabases += since;
  }
  used["postgres server"] = Math.max(0, after.postgres - before.postgres - ofDatabases);
  used["kafka"] = after.kafka - before.kafka;
  return used;
}

/** Resident memory in MB by process, with Kafka. (PostgreSQL's processes share most of theirs.) */
export async function readMemory(side: Side): Promise<Readonly<Record<string, number>>> {
  const pids = [...side.processes(), ["kafka", side.servers.kafkaPid] as const];
  return Object.fromEntries(await Promise.all(pids.map(async ([name, pid]) => [name, await memoryMbOf(pid)] as const)));
}

/** What PostgreSQL has written and done since its start. */
export interface DatabaseReading {
  /** Bytes of write-ahead log, full-page images after checkpoints included. */
  readonly walBytes: number;
  /** By database. The benchmark's own statements are left out. */
  readonly statements: ReadonlyMap<string, number>;
  readonly transactions: ReadonlyMap<string, number>;
}

export async function readDatabases({ connect }: Servers): Promise<DatabaseReading> {
  const admin = connect("postgres");
  const [wal] = await admin<{ bytes: string }[]>`select pg_wal_lsn_diff(pg_current_wal_lsn(), '0/0')::text as bytes`;
  const statements = await admin<{ database: string; n: string }[]>`
    select datname as database, sum(calls)::text as n
    from pg_stat_statements join pg_database on pg_database.oid = dbid
    where userid <> (select oid from pg_roles where rolname = 'postgres')
    group by datname`;
  const transactions = await admin<{ database: string; n: string }[]>`
    select datname as database, (xact_commit + xact_rollback)::text as n from pg_stat_database
    where datname not in ('postgres', 'template0', 'template1')`;
  const byDatabase = (rows: readonly { database: string; n: string }[]) =>
    new Map(rows.map(({ database, n }) => [database, Number(n)]));
  return {
    walBytes: Number(wal?.bytes),
    statements: byDatabase(statements),
    transactions: byDatabase(transactions),
  };
}

/** Batches and records that a process has handled since its start. */
interface Handled {
  readonly batches: number;
  readonly records: number;
}

export async function readHandled({ metricsUrls }: Side): Promise<ReadonlyMap<string, Handled>> {
  const handled = new Map<string, Handled>();
  for (const [name, url] of metricsUrls) {
    const text = await (await fetch(url)).text();
    const total = (metric: string) =>
      [...text.matchAll(new RegExp(`^${metric}(?:\\{[^}]*\\})? ([\\d.]+)`, "gm"))].reduce(
        (sum, [, value]) => sum + Number(value),
        0,
      );
    handled.set(name, { batches: total("consumer_batch_records_count"), records: total("consumer_batch_records_sum") });
  }
  return handled;
}

/** Records a batch between two readings, by process; those without batches are left out. */
export function batchSizesBetween(
  before: ReadonlyMap<string, Handled>,
  after: ReadonlyMap<string, Handled>,
): Readonly<Record<string, number>> {
  const sizes: Record<string, number> = {};
  for (const [name, { batches, records }] of after) {
    const of = {
      batches: batches - (before.get(name)?.batches ?? 0),
      records: records - (before.get(name)?.records ?? 0),
    };
    if (of.batches > 0) sizes[name] = of.records / of.batches;
  }
  return sizes;
}
