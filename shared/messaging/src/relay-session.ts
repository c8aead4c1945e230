import type { Topic } from "@shop/contracts/messages/define";
import type { DatabaseDriver } from "@shop/database/driver";
import type { Clock } from "@shop/runtime/clock";
import { ExplainedError } from "@shop/runtime/errors";
import type { PartitionEnd } from "./broker.ts";

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

/** What has been published since the last statement. */
export interface Published {
  readonly ids: readonly string[];
  /** How far the partitions go by the broker's acknowledgement. */
  readonly ends: readonly PartitionEnd[];
}

/** Sent rows of a topic that are to be sent again: those with `nextId` ≤ id ≤ `lastId`. */
export interface Resend {
  readonly topic: Topic;
  readonly nextId: string;
  readonly lastId: string;
}

/** One database session, which holds the lock of the active relay or does not. */
export interface RelaySession {
  /** Takes the lock if no other replica holds it. */
  tryToLead(): Promise<boolean>;
  /** Whether the lock is held as far as this process knows. */
  holds(): boolean;
  /**
   * Marks published rows, writes down how far they went, and reads the next unsent ones, at most `limit` and none of the topics `except`,
   * in one round trip.
   * @throws when the session is lost, or another one answered: then the lock is lost too. So do the calls below
   */
  markAndRead(published: Published, limit: number, except: readonly Topic[]): Promise<readonly PendingRow[]>;
  /** What was written down by this relay and those before it. */
  publishedEnds(): Promise<readonly PartitionEnd[]>;
  /** What is still to be sent again. */
  resends(): Promise<readonly Resend[]>;
  /** Has all that was sent of these topics sent again, from the oldest row that is kept, and forgets how far they went. */
  beginResend(topics: readonly Topic[]): Promise<void>;
  /** The first rows of a resend, at most `limit`. */
  readSent(resend: Resend, limit: number): Promise<readonly PendingRow[]>;
  /** Writes down that a resend has come to `nextId`, and how far it went in the broker; without `nextId` it has ended. */
  advanceResend(topic: Topic, nextId: string | undefined, ends: readonly PartitionEnd[]): Promise<void>;
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
      throw new ExplainedError(`the database has not answered for ${ANSWER_TIMEOUT_MS} ms`);
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

  /** A statement that only the holder of the lock may make: a connection that was opened anew holds none, and its statements change nothing. */
  async function asLeader<Row extends object>(statement: Promise<Row[]>): Promise<Row[]> {
    const rows = await answered(statement);
    if (!lost) return rows;
    throw new ExplainedError("the session that held the relay's lock is gone");
  }

  const noted = (ends: readonly PartitionEnd[]) => client`
    insert into outbox_published (topic, partition, end_offset)
    select topic, partition, end_offset from unnest(
      ${ends.map(({ topic }) => topic)}::text[], ${ends.map(({ partition }) => partition)}::int[],
      ${ends.map(({ endOffset }) => String(endOffset))}::bigint[]) as r(topic, partition, end_offset)
    where pg_backend_pid() = ${lockedBy ?? 0}
    on conflict (topic, partition) do update set end_offset = excluded.end_offset`;

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
    async markAndRead({ ids, ends }, limit, except) {
      const rows = await answered(client<(PendingRow & { pid: number })[]>`
        with marked as (update outbox set sent_at = now() where id = any(${ids}::bigint[])), noted as (${noted(ends)})
        select id::text, topic, key, payload::text, pg_backend_pid() as pid from outbox
        where sent_at is null and id <> all(${ids}::bigint[]) and topic <> all(${except}::text[])
        order by outbox.id limit ${limit}`);
      if (lost || rows.some(({ pid }) => pid !== lockedBy)) {
        lost = true;
        throw new ExplainedError("the session that held the relay's lock is gone");
      }
      return rows;
    },
    async publishedEnds() {
      const rows = await asLeader(client<{ topic: Topic; partition: number; end: string }[]>`
        select topic, partition, end_offset::text as end from outbox_published`);
      return rows.map(({ topic, partition, end }) => ({ topic, partition, endOffset: BigInt(end) }));
    },
    resends: () =>
      asLeader(client<Resend[]>`
        select topic, next_id::text as "nextId", last_id::text as "lastId" from outbox_resend order by topic`),
    async beginResend(topics) {
      await asLeader(client`
        with forgotten as (
          delete from outbox_published where topic = any(${topics}::text[]) and pg_backend_pid() = ${lockedBy ?? 0})
        insert into outbox_resend (topic, next_id, last_id)
        select topic, 0, (select coalesce(max(id), 0) from outbox) from unnest(${topics}::text[]) as lost(topic)
        where pg_backend_pid() = ${lockedBy ?? 0}
        on conflict (topic) do update set next_id = excluded.next_id, last_id = excluded.last_id`);
    },
    readSent: ({ topic, nextId, lastId }, limit) =>
      asLeader(client<PendingRow[]>`
        select id::text, topic, key, payload::text from outbox
        where id between ${nextId}::bigint and ${lastId}::bigint and topic = ${topic} and sent_at is not null
        order by outbox.id limit ${limit}`),
    async advanceResend(topic, nextId, ends) {
      await asLeader(client`
        with noted as (${noted(ends)}),
        moved as (
          update outbox_resend set next_id = ${nextId ?? null}::bigint
          where topic = ${topic} and ${nextId ?? null}::bigint is not null and pg_backend_pid() = ${lockedBy ?? 0})
        delete from outbox_resend
        where topic = ${topic} and ${nextId ?? null}::bigint is null and pg_backend_pid() = ${lockedBy ?? 0}`);
    },
    async close() {
      closing.abort();
      await client.end({ timeout: 1 });
    },
  };
}
