import type { Topic } from "@shop/contracts/services";
import type { DatabaseDriver } from "@shop/database/driver";
import { isTransient } from "@shop/database/errors";
import type { Clock } from "@shop/runtime/clock";
import type { Logger } from "@shop/runtime/logger";
import type { BrokerRecord } from "../broker.ts";
import type { Received } from "./decode.ts";

/** Records of a partition that may have been in flight when a process crashed: those with `first` ≤ offset ≤ `last`. */
export interface RecordRange {
  readonly topic: Topic;
  readonly partition: number;
  /** Offsets, which may be too large for a JSON number. */
  readonly first: string;
  readonly last: string;
}

/** Registers this process in the service's database, finds those that crashed, and records what is in flight while it may crash the process. */
export interface InFlightMarker {
  /** Registers this process and reads the in-flight messages of crashed processes, once. Await it before any message is handled. Rejects as `look` does. */
  ready(): Promise<void>;
  /** Registers this process, unless it is, finds processes that have crashed, and reads what they had in flight. Rejects while the database is unavailable. */
  look(): Promise<void>;
  /** Looks when these records, which are handled next, do not follow those that were handled last: a process that crashed a moment ago may have had their partition. */
  follow(records: readonly BrokerRecord[]): Promise<void>;
  /**
   * Records which messages are handled next, while a process of the service has crashed within the last ten minutes.
   * @returns what to await before the handler begins, which rejects with a transient error when the mark cannot be written now; undefined when there is nothing to write
   */
  mark(messages: readonly Received[]): Promise<void> | undefined;
  /** Says that nothing is in flight: the messages that were marked last are kept for later. */
  unmark(): Promise<void>;
  /** Records which dead letter's message is retried next; null after it. Await it. */
  markRetry(messageId: string | null): Promise<void>;
  /** Whether a message may have crashed a process, so that it is handled alone. */
  isSuspect(message: Received): boolean;
  /** How many processes crashed while this message, alone, was in flight. */
  crashesBy(messageId: string): number;
  /** Calls a listener when the session is lost: until the next `look` this process may be counted as crashed. */
  onSessionLost(listener: () => void): void;
  /** Unregisters this process. */
  close(): Promise<void>;
}

interface InFlightMarkerOptions {
  readonly databaseUrl: string;
  readonly driver: DatabaseDriver;
  /** Of this process, unique among all of its service there ever are. */
  readonly processId: string;
  readonly logger: Logger;
  /** As of `connectDatabase`. */
  readonly answerTimeoutMs?: number;
}

/** After so many crashes with only this message in flight it is a poison message: it is dead-lettered. */
export const POISON_AFTER_CRASHES = 2;

/** The name of the session by which the database sees that a process runs, in front of the process's id. */
const SESSION = "in flight ";
const STATEMENT_TIMEOUT_MS = 10_000;
const RECONNECT_PAUSE_S = 0.1;

/** A mark that could not be written in time. The messages are not at fault, however often that happens. */
class NotMarked extends Error {
  override readonly name = "NotMarked";
  /** As if the server had no room: transient. */
  readonly code = "53000";
}

interface CrashRow {
  readonly ranges: readonly RecordRange[];
  readonly messageId: string | null;
}

const nameOf = ({ topic, partition }: { readonly topic: Topic; readonly partition: number }) => `${topic}:${partition}`;

/** Where records begin and end in their partitions. Those that were deferred come key by key, not in the order of their offsets. */
function rangesOf(messages: readonly Received[]): readonly RecordRange[] {
  const ranges = new Map<string, RecordRange>();
  for (const { record } of messages) {
    const { topic, partition, offset } = record;
    const name = nameOf(record);
    const { first, last } = ranges.get(name) ?? { first: offset, last: offset };
    ranges.set(name, { topic, partition, first: lower(first, offset), last: higher(last, offset) });
  }
  return [...ranges.values()];
}

const lower = (one: string, other: string) => (BigInt(other) < BigInt(one) ? other : one);
const higher = (one: string, other: string) => (BigInt(other) > BigInt(one) ? other : one);

/**
 * A row per process, written when it starts and deleted when it stops, on a session that carries the process's id: a row without its session is a
 * crash. While the service has such a row of the last ten minutes, every process of it records what is in flight before a handler begins: where
 * a batch's messages lie, and the message when it is only one. Nothing removes a mark; what it names and is in the inbox, or with the dead letters,
 * was handled. It is written without waiting for the disk, since a process that crashes loses nothing by that.
 */
export function createInFlightMarker({
  databaseUrl,
  driver,
  processId,
  logger,
  answerTimeoutMs = STATEMENT_TIMEOUT_MS + 1_000,
}: InFlightMarkerOptions): InFlightMarker {
  let tellLost = () => {};
  const client = driver.openClient(databaseUrl, {
    max: 1,
    connect_timeout: 2,
    // For as long as it is unavailable, this process looks as if it had crashed.
    backoff: () => RECONNECT_PAUSE_S,
    idle_timeout: 0,
    max_lifetime: null,
    // Handlers wait for it where a process has crashed.
    answer_timeout: answerTimeoutMs / 1_000,
    onnotice: () => undefined,
    onclose: () => tellLost(),
    connection: {
      application_name: SESSION + processId,
      synchronous_commit: "off",
      statement_timeout: STATEMENT_TIMEOUT_MS,
    },
  });
  let hasLooked = false;
  /** Whether a process of the service has crashed recently. */
  let isMarking = false;
  let isMarked = false;
  /** By partition, the ranges that were in flight at recent crashes. */
  let suspects: ReadonlyMap<string, readonly { readonly first: bigint; readonly last: bigint }[]> = new Map();
  let crashes: ReadonlyMap<string, number> = new Map();
  /** By partition, the offset behind the last record that was handed over. */
  const nextOffsets = new Map<string, string>();

  const lastCrashed = () => client<CrashRow[]>`
    with registered as (
      insert into in_flight (process) values (${processId}) on conflict (process, retry) do nothing),
    alive as (
      update in_flight set crashed_at = null where process = ${processId} and crashed_at is not null)
    update in_flight set crashed_at = now(), message_id = case
        when exists (select from inbox where inbox.message_id = in_flight.message_id) then null
        when not retry and exists (select from dead_letter where dead_letter.message_id = in_flight.message_id) then null
        else message_id end
    where crashed_at is null and process <> ${processId} and not exists (
      select from pg_stat_activity
      where datname = current_database() and application_name = ${SESSION} || in_flight.process)
    returning ranges, message_id as "messageId"`;

  // A statement of its own: it sees those, too, that another process has found meanwhile.
  const allCrashed = () => client<(CrashRow & { readonly isRecent: boolean })[]>`
    select ranges, message_id as "messageId", crashed_at > now() - interval '10 minutes' as "isRecent"
    from in_flight where crashed_at is not null and process <> ${processId}`;

  async function look(): Promise<void> {
    const [found, all] = await Promise.all([lastCrashed(), allCrashed()]);
    const recent = all.filter((row) => row.isRecent);
    isMarking = recent.length > 0;
    suspects = new Map(
      [
        ...Map.groupBy(
          recent.flatMap(({ ranges }) => ranges),
          nameOf,
        ),
      ].map(([name, ranges]) => [
        name,
        ranges.map(({ first, last }) => ({ first: BigInt(first), last: BigInt(last) })),
      ]),
    );
    const alone = Map.groupBy(
      all.flatMap(({ messageId }) => messageId ?? []),
      (messageId) => messageId,
    );
    crashes = new Map([...alone].map(([messageId, of]) => [messageId, of.length]));
    hasLooked = true;
    if (found.length > 0) {
      logger.info(
        "PROCESS_CRASH_DETECTED",
        "a process of this service crashed: in-flight markers are written for ten minutes",
        {
          ranges: found.flatMap(({ ranges }) => ranges).length,
          alone: found.flatMap(({ messageId }) => messageId ?? []),
        },
      );
    }
  }

  async function write(retry: boolean, ranges: readonly RecordRange[], alone: string | null): Promise<void> {
    await client`
      insert into in_flight (process, retry, ranges, message_id)
      values (${processId}, ${retry}, ${JSON.stringify(ranges)}::text::jsonb, ${alone})
      on conflict (process, retry) do update set
        ranges = excluded.ranges, message_id = excluded.message_id, marked_at = now(), crashed_at = null`;
  }

  async function markBatch(messages: readonly Received[]): Promise<void> {
    const [only, ...others] = messages;
    isMarked = true;
    try {
      await write(false, rangesOf(messages), others.length === 0 ? (only?.id ?? null) : null);
    } catch (error) {
      if (isTransient(error)) throw new NotMarked("what is in flight could not be written down", { cause: error });
      // Messages do not wait for what an operator has to fix.
      logger.warn(
        "IN_FLIGHT_MARKER_FAILED",
        "the in-flight marker cannot be written; messages are handled without it",
        { error },
      );
    }
  }

  const isInRange = ({ record }: Received) => {
    const offset = BigInt(record.offset);
    return suspects.get(nameOf(record))?.some(({ first, last }) => first <= offset && offset <= last) ?? false;
  };

  /** Notes how far the records go. @returns whether each partition of them continues where it ended before */
  function noteFollowing(records: readonly BrokerRecord[]): boolean {
    let follows = true;
    for (const [index, record] of records.entries()) {
      const isOfPartition = (other: BrokerRecord | undefined) =>
        other?.partition === record.partition && other.topic === record.topic;
      if (!isOfPartition(records[index - 1])) follows &&= nextOffsets.get(nameOf(record)) === record.offset;
      if (!isOfPartition(records[index + 1])) nextOffsets.set(nameOf(record), String(BigInt(record.offset) + 1n));
    }
    return follows;
  }

  return {
    async ready() {
      if (!hasLooked) await look();
    },
    look,
    async follow(records) {
      if (!noteFollowing(records)) await look();
    },
    mark: (messages) =>
      isMarking || (crashes.size > 0 && messages.some(({ id }) => crashes.has(id))) ? markBatch(messages) : undefined,
    async unmark() {
      if (!isMarked) return;
      await write(false, [], null);
      isMarked = false;
    },
    markRetry: (messageId) => write(true, [], messageId),
    isSuspect: (message) => (crashes.size > 0 && crashes.has(message.id)) || (suspects.size > 0 && isInRange(message)),
    crashesBy: (messageId) => crashes.get(messageId) ?? 0,
    onSessionLost(listener) {
      tellLost = listener;
    },
    async close() {
      tellLost = () => {};
      if (hasLooked)
        await client`delete from in_flight where process = ${processId}`.catch((error: unknown) => {
          logger.debug(
            "PROCESS_NOT_UNREGISTERED",
            "this process could not be unregistered; it will be taken for a crash",
            { error },
          );
        });
      await client.end({ timeout: 1 });
    },
  };
}

const LOOK_INTERVAL_MS = 2_000;
const RETRY_PAUSE_MS = 250;

/** Looks every two seconds for processes that have crashed, and as soon as this one's session is lost. Runs until `signal` is aborted. */
export async function watchForCrashes(
  signal: AbortSignal,
  { marker, clock, logger }: { readonly marker: InFlightMarker; readonly clock: Clock; readonly logger: Logger },
): Promise<void> {
  let wake = () => {};
  marker.onSessionLost(() => wake());
  signal.addEventListener("abort", () => wake(), { once: true });
  while (!signal.aborted) {
    try {
      await marker.look();
      const woken = new AbortController();
      wake = () => woken.abort();
      if (!signal.aborted) await clock.sleep(LOOK_INTERVAL_MS, woken.signal);
    } catch (error) {
      logger.debug("CRASH_CHECK_FAILED", "crashed processes could not be looked up; retrying", { error });
      await clock.sleep(RETRY_PAUSE_MS, signal);
    }
  }
}
