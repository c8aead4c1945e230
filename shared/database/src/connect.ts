import { drizzle, type PostgresJsDatabase } from "drizzle-orm/postgres-js";
import type postgres from "postgres";
import { openClient } from "./client.ts";
import { goesWithBegin } from "./statement.ts";

export type Database = PostgresJsDatabase & { readonly $client: postgres.Sql };
/** How many connections of a pool are in which state, and how many statements wait for one. */
export type PoolUse = ReturnType<Database["$client"]["pool"]>;
/** What a transaction callback is given: use it, and only it, for every statement that belongs to the transaction. */
export type Transaction = Parameters<Parameters<Database["transaction"]>[0]>[0];

/** What statements can be sent to: a database, of which each statement is a transaction by itself, or one transaction. */
export type Statements = Pick<Transaction, "select" | "execute">;

export interface ConnectOptions {
  /** `postgres://user:password@host:port/database`, with TLS as `openClient` takes it. */
  readonly url: string;
  /** Shown in `pg_stat_activity`. */
  readonly applicationName: string;
  /** Connections at most. Ten is enough for two cores: the work comes in batches. */
  readonly max?: number;
  /** A statement that runs longer is ended by the server, in milliseconds. One that waits for a lock is ended after a second, or after half of that if it is less. */
  readonly statementTimeoutMs?: number;
  /** A transaction that is silent for longer between two statements is ended by the server, in milliseconds, and with it its locks. */
  readonly silentTransactionTimeoutMs?: number;
  /**
   * A connection with statements under way from which not one byte came for this long, in milliseconds (up to a quarter more), is dropped:
   * its link is cut, though nobody says so. They are rejected as transient, and the idle connections are given up with it.
   * By default a second more than `statementTimeoutMs`: until then the server itself would have answered.
   */
  readonly answerTimeoutMs?: number;
}

/** How long a statement waits for a lock, in milliseconds: less than a call may take (1.5 s), so that it is not the pool's connections that wait when the caller has gone. */
const LOCK_TIMEOUT_MS = 1_000;
/** The time a new connection may take, in seconds: a call that needs the database is answered with 503 within two. */
const CONNECT_TIMEOUT_S = 1.5;
/** After this long without a sign of life the kernel asks the other side for one, in seconds; here for connections that wait, on the server for all. */
const KEEP_ALIVE_S = 15;
/** The pause before the next try to connect, in seconds. The library's own grows to 20 s, which is how long a service would stay away after its database is back. */
const RECONNECT_PAUSE_S = 0.1;

/** What the pools of a process have in common. */
export const POOL_OPTIONS = {
  connect_timeout: CONNECT_TIMEOUT_S,
  backoff: () => RECONNECT_PAUSE_S,
  idle_timeout: 60,
  max_lifetime: 30 * 60,
  keep_alive: KEEP_ALIVE_S,
  onnotice: () => undefined,
};

/**
 * A pool of connections to one service's database. Nothing is opened before the first statement.
 *
 * Every statement is prepared once per connection, which saves its planning from then on: so a statement's text must not vary with the
 * number of its values (`jsonRows` and `uuidArray` take many as one). Every transaction begins as DEFERRABLE. For READ COMMITTED that
 * changes nothing, but a statement can tell by it whether it is part of a transaction: the outbox and the inbox refuse one that is not.
 * `db.$client.end()` closes the pool.
 */
export function connectDatabase({
  url,
  applicationName,
  max = 10,
  statementTimeoutMs = 15_000,
  silentTransactionTimeoutMs = 5_000,
  answerTimeoutMs = statementTimeoutMs + 1_000,
}: ConnectOptions): Database {
  const client = openClient(url, {
    ...POOL_OPTIONS,
    max,
    answer_timeout: answerTimeoutMs / 1_000,
    connection: {
      application_name: applicationName,
      statement_timeout: statementTimeoutMs,
      // Told apart from a statement that is slow by itself: anyone who waits for another's lock has done nothing wrong.
      lock_timeout: Math.min(LOCK_TIMEOUT_MS, Math.floor(statementTimeoutMs / 2)),
      // A process that is frozen or cut off must not hold up all others with what it has locked.
      idle_in_transaction_session_timeout: silentTransactionTimeoutMs,
      // The server lets go of sessions that a cut network left behind, before they are too many for it.
      tcp_keepalives_idle: KEEP_ALIVE_S,
      tcp_keepalives_interval: 5,
      tcp_keepalives_count: 3,
    },
  });
  const begin = client.begin.bind(client);
  // Drizzle calls these two, and gives no options: neither for the first nor for all texts to be prepared.
  return drizzle(
    Object.assign(client, {
      unsafe: preparing(client.unsafe.bind(client)),
      begin: (work: (tx: postgres.TransactionSql) => Promise<unknown>) =>
        begin("deferrable", (tx) => work(Object.assign(tx, { unsafe: preparing(tx.unsafe.bind(tx)) }))),
    }),
  );
}

type Unsafe = postgres.Sql["unsafe"];

function preparing(unsafe: Unsafe): Unsafe {
  return (query, parameters, options) =>
    unsafe(query, parameters, { ...options, prepare: true, ahead: goesWithBegin(query) });
}
