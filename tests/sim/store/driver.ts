import type { Database } from "@shop/database/connect";
import type { DatabaseDriver } from "@shop/database/driver";
import { drizzle } from "drizzle-orm/postgres-js";
import postgres from "postgres";
import { Connection, type Environment } from "./connection.ts";

/** What a process has to do with its database, to be taken from it when it crashes or freezes. */
export interface ProcessDatabase {
  readonly driver: DatabaseDriver;
  /** All its connections break. */
  loseAll(): Promise<void>;
  /** The server ends sessions that have said nothing for as long as it lets them: those in a transaction, those that hold the relay's lock. */
  loseSilent(which: "in a transaction" | "idle"): Promise<void>;
}

/** As many connections as the pool of `connectDatabase` has. */
const POOL = 10;
/** What stands for the driver's client where nothing is asked of it. It never connects. */
const inert = postgres("postgres://nobody@127.0.0.1:1/nothing", { max: 1 });

/** Statements without parameters too: planned once for each session, not each time. */
const PREPARED = { prepare: true, simple: false };

/** The statement that marks messages as in flight; its last parameter is the message's id when it is only one. */
const MARKS = /insert into in_flight \(process, retry, ranges, message_id\)/;

interface Query extends Promise<unknown> {
  values(): Query;
}
type ClientOptions = Pick<Parameters<DatabaseDriver["openClient"]>[1], "onclose" | "connection">;
type Unsafe = (text: string, parameters?: never[]) => Query;

/** A query of the driver, whose rows become arrays when that is asked for before it is on its way. */
function queryOf(send: (wantsArrays: () => boolean) => Promise<unknown>): Query {
  let wantsArrays = false;
  const query: Query = Object.assign(
    send(() => wantsArrays),
    {
      values() {
        wantsArrays = true;
        return query;
      },
    },
  );
  return query;
}

/** The database of one process, behind the seam where otherwise PostgreSQL's driver is. */
export function simulatedDatabase(
  around: Environment & {
    readonly connections?: number | undefined;
    /** Told of each message that the process is about to handle alone, before that is written. */
    readonly onMarkedAlone: (messageId: string) => void;
  },
): ProcessDatabase {
  const { process, store, scheduler, injector, connections = POOL, onMarkedAlone } = around;
  const pooled = new Set<Connection>();
  const own = new Set<Connection>();
  const endedWhenIdle = new WeakSet<Connection>();
  const waiting: (() => void)[] = [];

  async function pooledConnection(): Promise<Connection> {
    if (pooled.size >= connections) await new Promise<void>((resolve) => waiting.push(resolve));
    const connection = new Connection(around);
    pooled.add(connection);
    return connection;
  }

  function backToPool(connection: Connection): void {
    connection.end();
    pooled.delete(connection);
    waiting.shift()?.();
  }

  function query(connection: Connection, text: string, parameters: never[] | undefined, wantsArrays: () => boolean) {
    if (text.includes("set_config('lock_timeout'")) return connection.setLockTimeout(Number(parameters?.[0]));
    return connection.ask("statement", text, async (client) => {
      const sent = client.unsafe(text, parameters, PREPARED);
      return wantsArrays() ? await sent.values() : await sent;
    });
  }

  const unsafe: Unsafe = (text, parameters) =>
    queryOf(async (wantsArrays) => {
      const connection = await pooledConnection();
      try {
        return await query(connection, text, parameters, wantsArrays);
      } finally {
        backToPool(connection);
      }
    });

  async function begin(work: (tx: postgres.Sql) => Promise<unknown>): Promise<unknown> {
    const connection = await pooledConnection();
    try {
      await connection.ask("begin", "begin", (client) => client.unsafe("begin deferrable"));
      let result: unknown;
      try {
        result = await work(transactionOn(connection));
      } catch (error) {
        if (!connection.isLost) await connection.ask("commit", "rollback", (client) => client.unsafe("rollback"));
        throw error;
      }
      const ended = await connection.ask("commit", "commit", (client) => client.unsafe("commit"));
      // A statement that was not waited for has failed.
      if ((ended as postgres.RowList<postgres.Row[]>).command !== "COMMIT")
        throw new Error("the transaction had failed and was rolled back by its COMMIT");
      return result;
    } finally {
      backToPool(connection);
    }
  }

  function transactionOn(connection: Connection): postgres.Sql {
    let savepoints = 0;
    return facade({
      unsafe: ((text, parameters) =>
        queryOf((wantsArrays) => query(connection, text, parameters, wantsArrays))) satisfies Unsafe,
      async savepoint(work: (tx: postgres.Sql) => Promise<unknown>): Promise<unknown> {
        savepoints += 1;
        const name = `s${savepoints}`;
        const say = (text: string) => connection.ask("statement", text, (client) => client.unsafe(text));
        await say(`savepoint ${name}`);
        try {
          return await work(transactionOn(connection));
        } catch (error) {
          if (!connection.isLost) await say(`rollback to ${name}`);
          throw error;
        }
      },
    });
  }

  function connectDatabase(): Database {
    return drizzle(
      facade({
        ...{ unsafe, begin },
        notify: (channel: string) =>
          new Promise<void>((resolve) => {
            scheduler.after(injector.latencyMs(), process, "", () => {
              store.notify(channel, (listener, hear) => scheduler.after(injector.latencyMs(), listener, "", hear));
              resolve();
            });
          }),
        listen: async (channel: string, hear: () => void) => {
          await scheduler.sleep(injector.latencyMs(), process);
          return { unlisten: store.listen(channel, process, hear) };
        },
        end: () => Promise.resolve(),
      }),
    );
  }

  function openClient(_url: string, { onclose, connection: settings }: ClientOptions = {}): postgres.Sql {
    let connection: Connection | undefined;
    const lockTimeoutMs = settings?.lock_timeout ?? 0;
    const current = () => {
      if (connection === undefined || connection.isLost) {
        if (connection) own.delete(connection);
        connection = new Connection(around, {
          onLost: () => onclose?.(0),
          ...(lockTimeoutMs > 0 && { lockTimeoutMs }),
          ...(settings?.application_name !== undefined && { name: settings.application_name }),
        });
        if (settings?.idle_session_timeout !== undefined) endedWhenIdle.add(connection);
        own.add(connection);
      }
      return connection;
    };
    return facade(
      {
        end: () =>
          new Promise<void>((resolve) => {
            scheduler.after(injector.latencyMs(), process, `${store.service} db: ends a session`, async () => {
              await connection?.lose();
              if (connection) own.delete(connection);
              resolve();
            });
          }),
      },
      (strings: TemplateStringsArray, ...values: never[]) =>
        sentWhenAwaited(inert(strings, ...values), () => {
          const text = strings.join("?");
          const messageId: unknown = values.at(-1);
          if (MARKS.test(text) && typeof messageId === "string") onMarkedAlone(messageId);
          return current().ask("statement", text, async (client) => client(strings, ...values));
        }),
    );
  }

  return {
    driver: {
      connectDatabase,
      // Reads have the pool of the rest: what they add to it is a limit, and of the simulated clients none waits for one.
      connectReader: () => {
        const db = connectDatabase();
        return { during: () => db, pool: () => db.$client.pool(), end: () => Promise.resolve() };
      },
      openClient,
    },
    async loseAll() {
      for (const connection of [...pooled, ...own]) await connection.lose();
    },
    async loseSilent(which) {
      const silent =
        which === "idle"
          ? [...own].filter((connection) => endedWhenIdle.has(connection))
          : [...pooled].filter(({ inTransaction }) => inTransaction);
      for (const connection of silent) await connection.lose();
    },
  };
}

/** A statement that may also be a part of another one: it is sent when it is waited for, not sooner. */
function sentWhenAwaited<Statement extends Promise<unknown>>(
  statement: Statement,
  send: () => Promise<unknown>,
): Statement {
  let sent: Promise<unknown> | undefined;
  return new Proxy(statement, {
    get(target, name) {
      if (name !== "then" && name !== "catch" && name !== "finally") return Reflect.get(target, name);
      sent ??= send();
      return sent[name].bind(sent);
    },
  });
}

/** A client of the driver of which these parts are ours. */
function facade(parts: Readonly<Record<string, unknown>>, call?: (...values: never[]) => unknown): postgres.Sql {
  return new Proxy(inert, {
    get: (target, name) => (typeof name === "string" && name in parts ? parts[name] : Reflect.get(target, name)),
    apply: (_target, _self, values: never[]) => call?.(...values),
  });
}
