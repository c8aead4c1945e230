import { ADVISORY_LOCKS } from "@shop/database/advisory-locks";
import type { Topic } from "@shop/contracts/services";
import type { DatabaseDriver } from "@shop/database/driver";
import { isLockTimeout } from "@shop/database/errors";
import type { Clock } from "@shop/runtime/clock";
import { ExplainedError } from "@shop/runtime/errors";
import type { PartitionEnd } from "../broker.ts";

/**
 * The server ends a session from which nothing has been heard for this long, in milliseconds, and with it the lock: a frozen process
 * or a cut network keeps the outbox waiting for at most this long. The session speaks up four times as often.
 */
const SILENCE_MS = 4_000;
const STATEMENT_TIMEOUT_MS = 10_000;
/** How long a statement waits for a lock of another session, in milliseconds. All messages of the service wait meanwhile. */
const LOCK_TIMEOUT_MS = 500;
/** Published rows that could not be marked, at most: each read passes over them, and each is published again if the session is lost. */
const MAX_UNMARKED = 10_000;
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
export interface TopicRecovery {
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
   * Marks published rows, records how far they went, and reads the next unsent ones, at most `limit` and none of the topics `except`,
   * in one round trip. Rows that another session has locked are not read again: they are marked by a later call, once their lock is released.
   * @throws when the session is lost, or another one answered: then the lock is lost too. So do the calls below
   */
  markAndRead(published: Published, limit: number, except: readonly Topic[]): Promise<readonly PendingRow[]>;
  /** How many published rows are not marked yet, since another session holds a lock that their mark needs. */
  unmarked(): number;
  /** What was recorded by this relay and those before it. */
  publishedEnds(): Promise<readonly PartitionEnd[]>;
  /** What is still to be sent again. */
  recoveries(): Promise<readonly TopicRecovery[]>;
  /** Has all that was sent of these topics sent again, from the oldest row that is kept, and forgets how far they went. */
  beginRecovery(topics: readonly Topic[]): Promise<void>;
  /** The first rows of a recovery, at most `limit`; also published ones that are not marked yet. */
  readSent(topicRecovery: TopicRecovery, limit: number): Promise<readonly PendingRow[]>;
  /** Records that a recovery has come to `nextId`, and how far it went in the broker; without `nextId` it has ended. */
  advanceRecovery(topic: Topic, nextId: string | undefined, ends: readonly PartitionEnd[]): Promise<void>;
  close(): Promise<void>;
}

interface RelaySessionOptions {
  readonly databaseUrl: string;
  readonly driver: DatabaseDriver;
  readonly clock: Clock;
}

type ReadRow = PendingRow & { readonly pid: number };

const nameOf = ({ topic, partition }: PartitionEnd) => `${topic}:${partition}`;

/** Ids as the text of an `int8multirange`, in which PostgreSQL finds one in logarithmic time, whatever its plan. Those of a batch are mostly contiguous. */
function rangesOf(ids: readonly string[]): string {
  const ranges: { readonly first: bigint; last: bigint }[] = [];
  for (const id of ids.map(BigInt).toSorted((a, b) => (a < b ? -1 : 1))) {
    const latest = ranges.at(-1);
    if (latest !== undefined && id <= latest.last + 1n) latest.last = id;
    else ranges.push({ first: id, last: id });
  }
  return `{${ranges.map(({ first, last }) => `[${first},${last}]`).join(",")}}`;
}

/** Opens a session of its own, not one of the pool's: the lock lives and dies with it. Nothing is sent before the first call. */
export function openRelaySession({ databaseUrl, driver, clock }: RelaySessionOptions): RelaySession {
  let lost = false;
  let lockedBy: number | undefined;
  /** The ids of published rows that could not be marked for a lock of another session, and the ends that were to be written with them. */
  const unmarked = new Set<string>();
  const unnoted = new Map<string, PartitionEnd>();
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
      lock_timeout: LOCK_TIMEOUT_MS,
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

  /** A statement that only the holder of the lock may make: a connection that was opened again holds none, and its statements change nothing. */
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

  /**
   * Part of the statement that marks: its commit does not wait for the server's disk, so neither do the rows that it reads. A mark that the server
   * loses in a crash is lost with the ends that were noted with it; its row is published again.
   */
  const withoutDisk = client`select set_config('synchronous_commit', 'off', true)`;
  const unsent = (except: readonly string[], limit: number, exceptTopics: readonly Topic[]) => client`
    select id::text, topic, key, payload::text, pg_backend_pid() as pid from outbox
    where sent_at is null and not id <@ ${rangesOf(except)}::int8multirange and topic <> all(${exceptTopics}::text[])
    order by outbox.id limit ${limit}`;

  /** The rows that were read, if it was the session with the lock that read them. */
  function own(rows: readonly ReadRow[]): readonly PendingRow[] {
    if (!lost && rows.every(({ pid }) => pid === lockedBy)) return rows;
    lost = true;
    throw new ExplainedError("the session that held the relay's lock is gone");
  }

  /** @returns undefined when another session held a lock that it needs for too long; then it has changed nothing */
  async function unlessLocked<Rows extends object>(statement: Promise<Rows>): Promise<Rows | undefined> {
    try {
      return await answered(statement);
    } catch (error) {
      if (!isLockTimeout(error)) throw error;
      return undefined;
    }
  }

  /** Marks what no other session has locked. How far the rows went is written first: a marked row must never be lost unnoticed. */
  async function markWhatIsFree(): Promise<void> {
    if (unnoted.size > 0 && (await unlessLocked(noted([...unnoted.values()]))) === undefined) return;
    unnoted.clear();
    const locked = await unlessLocked(client<{ id: string }[]>`
      with free as (select id from outbox where id = any(${[...unmarked]}::bigint[]) for no key update skip locked),
      marked as (update outbox set sent_at = now() from free where outbox.id = free.id)
      select id::text from outbox where id = any(${[...unmarked]}::bigint[]) and id not in (select id from free)`);
    if (locked === undefined) return;
    // One that was deleted meanwhile is not among them.
    unmarked.clear();
    for (const { id } of locked) unmarked.add(id);
  }

  return {
    async tryToLead() {
      const [row] = await answered(client<{ locked: boolean; pid: number }[]>`
        select pg_try_advisory_lock(${ADVISORY_LOCKS.relay}) as locked, pg_backend_pid() as pid`);
      if (row?.locked !== true) return false;
      lockedBy = row.pid;
      void keepAlive();
      return true;
    },
    holds: () => lockedBy !== undefined && !lost,
    async markAndRead({ ids, ends }, limit, except) {
      if (unmarked.size === 0) {
        const rows = await unlessLocked(client<ReadRow[]>`
          with quick as (${withoutDisk}), marked as (
            update outbox set sent_at = now() from quick where id = any(${ids}::bigint[])), noted as (${noted(ends)})
          ${unsent(ids, limit, except)}`);
        if (rows !== undefined) return own(rows);
      }
      for (const id of ids) unmarked.add(id);
      for (const end of ends) unnoted.set(nameOf(end), end);
      await markWhatIsFree();
      if (unmarked.size > MAX_UNMARKED) return [];
      const rows = await unlessLocked(client<ReadRow[]>`${unsent([...unmarked], limit, except)}`);
      return own(rows ?? []);
    },
    unmarked: () => unmarked.size,
    async publishedEnds() {
      const rows = await asLeader(client<{ topic: Topic; partition: number; end: string }[]>`
        select topic, partition, end_offset::text as end from outbox_published`);
      return rows.map(({ topic, partition, end }) => ({ topic, partition, endOffset: BigInt(end) }));
    },
    recoveries: () =>
      asLeader(client<TopicRecovery[]>`
        select topic, next_id::text as "nextId", last_id::text as "lastId" from outbox_recovery order by topic`),
    async beginRecovery(topics) {
      await asLeader(client`
        with forgotten as (
          delete from outbox_published where topic = any(${topics}::text[]) and pg_backend_pid() = ${lockedBy ?? 0})
        insert into outbox_recovery (topic, next_id, last_id)
        select topic, 0, (select coalesce(max(id), 0) from outbox) from unnest(${topics}::text[]) as lost(topic)
        where pg_backend_pid() = ${lockedBy ?? 0}
        on conflict (topic) do update set next_id = excluded.next_id, last_id = excluded.last_id`);
      for (const [name, { topic }] of unnoted) if (topics.includes(topic)) unnoted.delete(name);
    },
    readSent: ({ topic, nextId, lastId }, limit) =>
      asLeader(client<PendingRow[]>`
        select id::text, topic, key, payload::text from outbox
        where id between ${nextId}::bigint and ${lastId}::bigint and topic = ${topic}
          and (sent_at is not null or id <@ ${rangesOf([...unmarked])}::int8multirange)
        order by outbox.id limit ${limit}`),
    async advanceRecovery(topic, nextId, ends) {
      await asLeader(client`
        with noted as (${noted(ends)}),
        moved as (
          update outbox_recovery set next_id = ${nextId ?? null}::bigint
          where topic = ${topic} and ${nextId ?? null}::bigint is not null and pg_backend_pid() = ${lockedBy ?? 0})
        delete from outbox_recovery
        where topic = ${topic} and ${nextId ?? null}::bigint is null and pg_backend_pid() = ${lockedBy ?? 0}`);
      for (const end of ends) unnoted.delete(nameOf(end));
    },
    async close() {
      closing.abort();
      await client.end({ timeout: 1 });
    },
  };
}
