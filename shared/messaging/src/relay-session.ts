import type { DatabaseDriver } from "@shop/database/driver";
import type { Clock } from "@shop/runtime/clock";

/** Any number, the same for all relays of a database: the advisory lock's name. */
const RELAY_LOCK = 7_203_115;
/**
 * The server ends a session from which nothing has been heard for this long, in milliseconds, and with it the lock: a frozen process
 * or a cut network keeps the outbox waiting for at most this long. The session speaks up four times as often.
 */
const SILENCE_MS = 4_000;
const STATEMENT_TIMEOUT_MS = 10_000;
/** When the server has not answered by then, the link to it is cut, though nobody says so: the session is given up. */
const ANSWER_TIMEOUT_MS = STATEMENT_TIMEOUT_MS + 1_000;

export interface PendingRow {
  readonly id: string;
  readonly topic: string;
  readonly key: string;
  readonly payload: string;
}

/** One database session, which holds the lock of the active relay or does not. */
export interface RelaySession {
  /** Takes the lock if no other replica holds it. */
  tryToLead(): Promise<boolean>;
  /** Whether the lock is held as far as this process knows. */
  holds(): boolean;
  /**
   * Marks published rows and reads the next unsent ones, at most `limit`, in one round trip.
   * @throws when the session is lost, or another one answered: then the lock is lost too
   */
  markAndRead(publishedIds: readonly string[], limit: number): Promise<readonly PendingRow[]>;
  close(): Promise<void>;
}

interface RelaySessionOptions {
  readonly databaseUrl: string;
  readonly driver: DatabaseDriver;
  readonly clock: Clock;
}

/** Opens a session of its own, not one of the pool's: the lock lives and dies with it. Nothing is sent before the first call. */
export function openRelaySession({ databaseUrl, driver, clock }: RelaySessionOptions): RelaySession {
  let lost = false;
  let lockedBy: number | undefined;
  const client = driver.openClient(databaseUrl, {
    max: 1,
    connect_timeout: 2,
    idle_timeout: 0,
    max_lifetime: null,
    onnotice: () => undefined,
    onclose: () => {
      lost = true;
    },
    connection: {
      application_name: "outbox relay",
      idle_session_timeout: SILENCE_MS,
      statement_timeout: STATEMENT_TIMEOUT_MS,
    },
  });
  const closing = new AbortController();

  async function answered<Rows extends object>(statement: Promise<Rows>): Promise<Rows> {
    const answer = new AbortController();
    const silence = clock.sleep(ANSWER_TIMEOUT_MS, answer.signal).then(() => undefined);
    try {
      const rows = await Promise.race([statement, silence]);
      if (rows !== undefined) return rows;
      lost = true;
      throw new Error(`the database has not answered for ${ANSWER_TIMEOUT_MS} ms`);
    } finally {
      answer.abort();
    }
  }

  /** Speaks up, so that the server does not take a quiet session for a dead one. */
  async function keepAlive(): Promise<void> {
    while (!lost) {
      await clock.sleep(SILENCE_MS / 4, closing.signal);
      if (closing.signal.aborted) return;
      await answered(client`select 1`).catch(() => {
        lost = true;
      });
    }
  }

  return {
    async tryToLead() {
      const [row] = await answered(client<{ locked: boolean; pid: number }[]>`
        select pg_try_advisory_lock(${RELAY_LOCK}) as locked, pg_backend_pid() as pid`);
      if (row?.locked !== true) return false;
      lockedBy = row.pid;
      void keepAlive();
      return true;
    },
    holds: () => lockedBy !== undefined && !lost,
    async markAndRead(publishedIds, limit) {
      const rows = await answered(client<(PendingRow & { pid: number })[]>`
        with marked as (update outbox set sent_at = now() where id = any(${publishedIds}::bigint[]))
        select id::text, topic, key, payload::text, pg_backend_pid() as pid from outbox
        where sent_at is null and id <> all(${publishedIds}::bigint[])
        order by outbox.id limit ${limit}`);
      if (lost || rows.some(({ pid }) => pid !== lockedBy)) {
        lost = true;
        throw new Error("the session that held the relay's lock is gone");
      }
      return rows;
    },
    async close() {
      closing.abort();
      await client.end({ timeout: 1 });
    },
  };
}
