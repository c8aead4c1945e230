import { drizzle } from "drizzle-orm/postgres-js";
import { ExplainedError } from "@shop/runtime/errors";
import type postgres from "postgres";
import { openClient } from "./client.ts";
import { type Database, POOL_OPTIONS, type PoolUse } from "./connect.ts";
import { isSessionLost, isStaleStatement, isStatementTimeout } from "./errors.ts";

/** What a call may read with: statements, but no transactions. */
export type ReadDatabase = Pick<Database, "select" | "execute">;

export interface Reader {
  /**
   * For the statements of one call. When `signal` is aborted, the one that runs is cancelled, those that wait for a connection are not sent, and
   * further ones are refused, all with code 57014.
   */
  during(signal: AbortSignal): ReadDatabase;
  /** How its connections are used. */
  pool(): PoolUse;
  /** Closes the pool; what is under way has two seconds. */
  end(): Promise<void>;
}

export interface ReaderOptions {
  /** As `connectDatabase` takes it. */
  readonly url: string;
  /** Shown in `pg_stat_activity`. */
  readonly applicationName: string;
  /** Connections at most. */
  readonly max?: number;
  /** The server ends a statement that runs longer, in milliseconds: as long as a call may take, so that none outlives its call by more than it takes to notice. */
  readonly statementTimeoutMs?: number;
  /** Told of each statement before it is sent. */
  readonly onStatement?: (text: string, parameters: readonly unknown[]) => void;
}

/** A statement of the driver, in whatever form its rows are wanted. */
interface Statement extends Promise<unknown> {
  cancel(): unknown;
}

interface Pending extends Promise<unknown> {
  values(): Pending;
}

/** How often a statement is repeated that failed for a reason of its session. */
const ATTEMPTS = 3;

/** A statement that was not sent, since its call had ended. */
class CallEnded extends ExplainedError {
  override readonly name = "CallEnded";
  /** PostgreSQL's for a statement that was cancelled. */
  readonly code = "57014";
  constructor() {
    super("the call has ended before its statement was sent");
  }
}

/**
 * A pool for what calls only read, apart from that for changes and messages: however long reads take, they keep nobody else from a connection.
 * Nothing is opened before the first statement.
 *
 * Each connection has one statement under way, and no second one behind it, so a statement that is slow holds up no other and can be cancelled by
 * itself. A cancel that comes too late may meet the connection's next statement; that one is repeated.
 */
export function connectReader({
  url,
  applicationName,
  max = 5,
  statementTimeoutMs = 1_500,
  onStatement,
}: ReaderOptions): Reader {
  const client = openClient(url, {
    ...POOL_OPTIONS,
    max,
    answer_timeout: (statementTimeoutMs + 1_000) / 1_000,
    max_pipeline: 0,
    connection: { application_name: applicationName, statement_timeout: statementTimeoutMs },
  } as Parameters<typeof openClient>[1]);

  async function run(send: () => Statement, signal: AbortSignal): Promise<unknown> {
    for (let attempt = 1; ; attempt += 1) {
      if (signal.aborted) throw new CallEnded();
      const sentAt = performance.now();
      const statement = send();
      // The cancel itself goes over a connection of its own; when that fails, the server's time limit is left.
      const cancel = () => void Promise.resolve(statement.cancel()).catch(() => undefined);
      signal.addEventListener("abort", cancel, { once: true });
      try {
        return await statement;
      } catch (error) {
        const ranOut = performance.now() - sentAt >= statementTimeoutMs;
        const mayRepeat = isStaleStatement(error) || isSessionLost(error) || (isStatementTimeout(error) && !ranOut);
        if (signal.aborted || attempt === ATTEMPTS || !mayRepeat) throw error;
      } finally {
        signal.removeEventListener("abort", cancel);
      }
    }
  }

  /** A statement as Drizzle uses one of the driver: whether it wants its rows as arrays it says before it awaits it. */
  function pending(text: string, parameters: never[], signal: AbortSignal): Pending {
    let asArrays = false;
    const send = () => {
      const statement = client.unsafe(text, parameters, { prepare: true });
      return asArrays ? statement.values() : statement;
    };
    const rows: Pending = Object.assign(
      Promise.resolve().then(() => run(send, signal)),
      {
        values() {
          asArrays = true;
          return rows;
        },
      },
    );
    return rows;
  }

  return {
    during(signal) {
      const unsafe = (text: string, parameters: never[]) => {
        onStatement?.(text, parameters);
        return pending(text, parameters, signal);
      };
      const facade: postgres.Sql = Object.assign(Object.create(client), { unsafe });
      return drizzle(facade);
    },
    pool: () => client.pool(),
    end: () => client.end({ timeout: 2 }),
  };
}
