import type { ServiceName } from "@shop/contracts/services";
import { createTestDatabase, type TestDatabase } from "@shop/testing/database";
import { drizzle } from "drizzle-orm/postgres-js";
import { existsSync } from "node:fs";
import postgres from "postgres";
import { keepLedger } from "../../harness/stage/ledger.ts";
import type { Process } from "../process.ts";
import { BEGINNING, type Scheduler } from "../scheduler.ts";
import { Operations } from "./operations.ts";

interface Listener {
  readonly channel: string;
  readonly process: Process;
  readonly hear: () => void;
}

/** A connection to the server, which one process after the other is given. */
export interface Session {
  readonly client: postgres.Sql;
  readonly pid: number;
  /** What `now()` gives in it, in simulated milliseconds; undefined when that is not known. */
  knownNow: number | undefined;
  /** Whether it is in a transaction, and may hold locks. */
  inTransaction: boolean;
}

/** The name of a session whose user gives it none. */
export const SESSION_NAME = "simulation";

/**
 * The settings that make a statement do the same each time: by the same plan, whatever was done on the connection before. Time in the
 * database is that of the simulation: `now()` is found in the schema `simulated` first.
 */
const SETTINGS = {
  application_name: SESSION_NAME,
  search_path: "simulated, pg_catalog, public",
  plan_cache_mode: "force_generic_plan",
  synchronize_seqscans: "off",
  max_parallel_workers_per_gather: "0",
  jit: "off",
  deadlock_timeout: "50ms",
};

/** The order service sees by it that a twin was first. */
const EXPECTED = /unique constraint "idempotency_key_customer_id_key_pk"/;

/** One service's database: real PostgreSQL, whose connections the simulation lends out. It is emptied before each run. */
export class Store {
  readonly service: ServiceName;
  readonly database: TestDatabase;
  /** Connected beside the simulation, to look. */
  readonly monitor: postgres.Sql;
  readonly operations: Operations;
  /** Whether nobody can reach it. */
  isAway = false;
  /** What the server refused of statements because of what they would have made of the data, as sentences. */
  readonly violations: string[] = [];
  /** Turns that are taken when nobody waits for a lock any more, in this order. */
  readonly deferred: (() => void)[] = [];
  readonly #socket: string | undefined;
  #sessions: Session[] = [];
  #listeners: Listener[] = [];
  #free: Session[] = [];

  private constructor(service: ServiceName, database: TestDatabase, socket: string | undefined) {
    this.service = service;
    this.database = database;
    this.#socket = socket;
    this.monitor = connect(database.url, socket);
    this.operations = new Operations(
      async (pids) => {
        const rows = await this.monitor<{ pid: number; blockers: number[] }[]>`
          select pid, pg_blocking_pids(pid) as blockers from unnest(${[...pids]}::int[]) as pid`;
        return new Map(rows.map(({ pid, blockers }) => [pid, blockers]));
      },
      (pid) => this.#sessions.some((other) => other.pid !== pid && other.inTransaction),
    );
  }

  static async open(service: ServiceName): Promise<Store> {
    const database = await createTestDatabase({ service });
    await keepLedger(service, database.url);
    const store = new Store(service, database, await socketOf(database.url));
    await store.#prepare();
    return store;
  }

  async #prepare(): Promise<void> {
    const { monitor } = this;
    await monitor.unsafe(`
      create schema simulated;
      create function simulated.now() returns timestamptz language sql stable as
        $$ select coalesce(nullif(current_setting('simulated.now', true), '')::timestamptz, pg_catalog.now()) $$;`);
    const defaults = await monitor<{ change: string }[]>`
      select format('alter table %s alter column %I set default simulated.now()', adrelid::regclass, attname) as change
      from pg_attrdef join pg_attribute on attrelid = adrelid and attnum = adnum where pg_get_expr(adbin, adrelid) ~ 'now\\(\\)'`;
    for (const { change } of defaults) await monitor.unsafe(change);
    const tables = await monitor<{ name: string }[]>`
      select format('%I.%I', schemaname, tablename) as name from pg_tables where schemaname in ('public', 'chaos') order by 1`;
    for (const { name } of tables) await monitor.unsafe(`alter table ${name} set (autovacuum_enabled = false)`);
    // Emptied for the next run, which no service may do.
    await monitor.unsafe(`alter table if exists audit_entry disable trigger audit_entry_no_truncate`);
    // Of all tables those that have been written to, if only by what was rolled back; a sequence may have been asked all the same.
    await monitor.unsafe(`
      create function simulated.empty() returns void language plpgsql as $$
        declare touched text;
        begin
          select string_agg(name, ', ') into touched
          from unnest(array[${tables.map(({ name }) => `'${name}'`).join(", ")}]) as name where pg_relation_size(name::regclass) > 0;
          if touched is not null then execute 'truncate ' || touched; end if;
          perform setval(format('%I.%I', schemaname, sequencename)::regclass, start_value, false) from pg_sequences where last_value is not null;
        end $$;`);
  }

  /** Empties it. */
  async reset(): Promise<void> {
    // A run that was given up leaves what it was about.
    const leftOver = this.#sessions.filter((each) => !this.#free.includes(each));
    for (const session of leftOver) await session.client.end({ timeout: 0 });
    // The server may not have noticed yet: a lock that such a session holds would be in the way of the next run.
    if (leftOver.length > 0)
      await this.monitor`select pg_terminate_backend(pid, 10000) from unnest(${leftOver.map(({ pid }) => pid)}::int[]) as pid`;
    this.#sessions = this.#sessions.filter((each) => this.#free.includes(each));
    this.#free = this.#sessions.toReversed();
    this.#listeners = [];
    this.deferred.length = 0;
    this.violations.length = 0;
    this.isAway = false;
    for (const session of this.#sessions) session.knownNow = undefined;
    await this.monitor`select simulated.empty()`;
  }

  /** Notes an error of the server when it says that a constraint or the form of the data was violated, which no correct statement does but `EXPECTED`. */
  noteRefusal(error: unknown): void {
    if (
      error instanceof Error &&
      "code" in error &&
      /^2[1-3]/.test(String(error.code)) &&
      !EXPECTED.test(error.message)
    ) {
      this.violations.push(`${String(error.code)} ${error.message}`);
    }
  }

  /** A connection that nobody uses; the one that was given back last, since it has the plans of most statements. */
  async take(): Promise<Session> {
    const free = this.#free.pop();
    if (free) return free;
    const client = connect(this.database.url, this.#socket);
    const [row] = await client<{ pid: number }[]>`select pg_backend_pid() as pid`;
    const session: Session = { client, pid: row?.pid ?? 0, knownNow: undefined, inTransaction: false };
    this.#sessions.push(session);
    return session;
  }

  giveBack(session: Session): void {
    this.#free.push(session);
  }

  /** Has a process hear what is told on a channel. @returns how to end that */
  listen(channel: string, process: Process, hear: () => void): () => Promise<void> {
    const listener = { channel, process, hear };
    this.#listeners.push(listener);
    return () => {
      this.#listeners = this.#listeners.filter((other) => other !== listener);
      return Promise.resolve();
    };
  }

  notify(channel: string, tell: (process: Process, hear: () => void) => void): void {
    this.#listeners = this.#listeners.filter(({ process }) => !process.hasCrashed);
    for (const listener of this.#listeners) if (listener.channel === channel) tell(listener.process, listener.hear);
  }

  /** Ends what a session works on, as the server does when a lock is not had in time. */
  async cancel({ pid }: Session): Promise<void> {
    await this.monitor`select pg_cancel_backend(${pid})`;
  }

  /** Lets those go on who waited for a lock that was given up just now. */
  async release(scheduler: Scheduler): Promise<void> {
    if (this.operations.areWaiting) await scheduler.outside(this.operations.untilStill());
    await this.operations.deliver();
    if (!this.operations.areWaiting) for (const turn of this.deferred.splice(0)) turn();
  }

  /**
   * Whether a session may ask for locks now: when nobody waits for one, or somebody waits for this session. Two that wait for the same row would be let go
   * by one commit, and the server leaves it to chance who has the row first.
   */
  async mayLock(session: Session | undefined): Promise<boolean> {
    return !this.operations.areWaiting || (session !== undefined && (await this.operations.isWaitedFor(session.pid)));
  }

  async close(): Promise<void> {
    await Promise.all(
      [this.monitor, ...this.#sessions.map(({ client }) => client)].map((client) => client.end({ timeout: 1 })),
    );
    await this.database.drop();
  }
}

/** Statements whose effect depends on the time in the database. */
const ASKS_FOR_TIME = /\bnow\(\)|into (?:outbox|inbox)\b/;

/** Sends a statement on a session, which finds the simulated time in the database. */
export async function atSimulatedTime<Result>(
  session: Session,
  scheduler: Scheduler,
  text: string,
  send: (client: postgres.Sql) => Promise<Result>,
): Promise<Result> {
  const { now } = scheduler;
  if (session.knownNow === now || !ASKS_FOR_TIME.test(text)) return send(session.client);
  const time = new Date(BEGINNING + now).toISOString();
  // On its way at once, before the statement; that does not wait for the answer. A statement that nobody has begun to wait for is not sent.
  const told = session.client.unsafe(`set simulated.now = '${time}'`).execute();
  const [, result] = await Promise.all([told, send(session.client)]);
  session.knownNow = now;
  return result;
}

/** The path of the socket on which a server on this machine listens too, which costs less than TCP; undefined when there is none that can be reached. */
async function socketOf(url: string): Promise<string | undefined> {
  const { hostname, port } = new URL(url);
  if (hostname !== "127.0.0.1" && hostname !== "localhost") return undefined;
  const client = connect(url, undefined);
  try {
    const [row] = await client<{ unix_socket_directories: string }[]>`show unix_socket_directories`;
    const path = `${row?.unix_socket_directories.split(",")[0]?.trim()}/.s.PGSQL.${port}`;
    return existsSync(path) ? path : undefined;
  } finally {
    await client.end({ timeout: 1 });
  }
}

function connect(url: string, socket: string | undefined): postgres.Sql {
  const client = postgres(url, {
    ...(socket === undefined ? {} : { path: socket }),
    max: 1,
    // However busy the machine is: it is not the machine that is tested.
    connect_timeout: 300,
    idle_timeout: 0,
    max_lifetime: null,
    onnotice: () => undefined,
    connection: SETTINGS,
  });
  // Drizzle changes how a client reads and writes dates and JSON.
  drizzle(client);
  return client;
}
