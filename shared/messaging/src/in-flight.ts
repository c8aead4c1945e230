import type { Topic } from "@shop/contracts/messages/define";
import type { DatabaseDriver } from "@shop/database/driver";
import type { Clock } from "@shop/runtime/clock";
import type { Logger } from "@shop/runtime/logger";
import type { BrokerRecord } from "./broker.ts";
import type { Received } from "./decode.ts";

/** Records of a partition that were in hand when a process ended: those with `first` ≤ offset ≤ `last`. */
export interface RecordRange {
  readonly topic: Topic;
  readonly partition: number;
  /** Offsets, which may be too large for a JSON number. */
  readonly first: string;
  readonly last: string;
}

/** What a process writes down of what it has in hand, so that the one after it knows when it has ended by it. */
export interface InFlightMarker {
  /** Takes over what processes had in hand that are no more; once, and then only what has been found by `lookForCrashes`. */
  ready(): Promise<void>;
  /** Looks for processes that have ended with something in hand, and takes back what another one has counted against this one, whose session was cut. */
  lookForCrashes(): Promise<void>;
  /** Writes down what is handled next. To be waited for before a handler begins, and not before the transaction does. */
  mark(records: readonly BrokerRecord[], messages: readonly Received[]): Promise<void>;
  /** Writes down the id of a dead letter's message that is tried again next; null after it. To be waited for. */
  markRetry(messageId: string | null): Promise<void>;
  /** Whether a record was in hand when a process ended, so that it has to be handled alone. */
  isSuspect(record: BrokerRecord): boolean;
  /** Says that records have been handled, but for those that are deferred. */
  clear(records: readonly BrokerRecord[], deferred?: readonly BrokerRecord[]): void;
  /** How many processes have ended while they had this message, alone, in hand. */
  crashesBy(messageId: string): number;
  close(): Promise<void>;
}

interface InFlightMarkerOptions {
  readonly databaseUrl: string;
  readonly driver: DatabaseDriver;
  /** Of this process, unique among all of its service there ever are. */
  readonly processId: string;
  readonly clock: Clock;
  readonly logger: Logger;
  /** As of `connectDatabase`. */
  readonly answerTimeoutMs?: number;
}

/** A message that so many processes have ended by while they had it alone in hand is not tried again. */
export const POISON_AFTER_CRASHES = 2;

const STATEMENT_TIMEOUT_MS = 10_000;
const RECONNECT_PAUSE_S = 0.1;
/**
 * For how long records count as suspect, in milliseconds. Those of partitions that went to another replica are never seen here;
 * where one ends again and again their ranges would grow without end.
 */
const SUSPECT_MS = 600_000;

/** What a process has written down: a row for what it consumes, and one for the dead letter that it tries again. */
interface Mark {
  readonly row: string;
  readonly ranges: string;
  readonly alone: string | null;
  /** Whether the database is known to have it. */
  isWritten: boolean;
}
/** Behind the process's id in the name of the second. */
const TRIED = " tries again";

const nameOf = ({ topic, partition }: { readonly topic: Topic; readonly partition: number }) => `${topic}:${partition}`;

const nameOfRecord = (record: BrokerRecord) => `${nameOf(record)}:${record.offset}`;

/** Where records begin and end in their partitions. Those that were deferred come key by key, not in the order of their offsets. */
function rangesOf(records: readonly BrokerRecord[]): readonly RecordRange[] {
  const ranges = new Map<string, RecordRange>();
  for (const { topic, partition, offset } of records) {
    const name = nameOf({ topic, partition });
    const { first, last } = ranges.get(name) ?? { first: offset, last: offset };
    ranges.set(name, { topic, partition, first: lower(first, offset), last: higher(last, offset) });
  }
  return [...ranges.values()];
}

const lower = (one: string, other: string) => (BigInt(other) < BigInt(one) ? other : one);
const higher = (one: string, other: string) => (BigInt(other) > BigInt(one) ? other : one);

const contains = (range: RecordRange, { topic, partition, offset }: BrokerRecord) =>
  range.topic === topic &&
  range.partition === partition &&
  BigInt(range.first) <= BigInt(offset) &&
  BigInt(offset) <= BigInt(range.last);

/**
 * A started-mark of what is in hand, on a session of its own, one small row per process: the offsets of the batch, and the message when it is
 * only one. It is written without waiting for the disk (a process that is killed loses nothing by that), while the handler's own transaction
 * makes the round trips that it needs before the handler begins. Nothing takes the mark back; what it names and is in the
 * inbox, or with the dead letters, was handled. A process is dead when the session that writes its mark, which carries its id, is gone.
 */
export function createInFlightMarker({
  databaseUrl,
  driver,
  processId,
  clock,
  logger,
  answerTimeoutMs = STATEMENT_TIMEOUT_MS + 1_000,
}: InFlightMarkerOptions): InFlightMarker {
  const client = driver.openClient(databaseUrl, {
    max: 1,
    connect_timeout: 2,
    // For as long as it is away, this process looks dead.
    backoff: () => RECONNECT_PAUSE_S,
    idle_timeout: 0,
    max_lifetime: null,
    // Handlers wait for it where a process has ended.
    answer_timeout: answerTimeoutMs / 1_000,
    onnotice: () => undefined,
    connection: {
      application_name: SESSION + processId,
      synchronous_commit: "off",
      statement_timeout: STATEMENT_TIMEOUT_MS,
    },
  });
  let crashes: ReadonlyMap<string, number> = new Map();
  /** What dead processes had in hand and this one has not handled yet. */
  let suspects: readonly (RecordRange & { readonly until: number })[] = [];
  /** Suspect records that are deferred: what lies behind them in their partition is handled before. */
  const deferredSuspects = new Set<string>();
  let taken: Promise<void> | undefined;
  /** The last mark of each row. */
  const marks = new Map<string, Mark>();

  async function write(row: string, ranges: readonly RecordRange[], alone: string | null): Promise<void> {
    const mark: Mark = { row, ranges: JSON.stringify(ranges), alone, isWritten: false };
    marks.set(row, mark);
    await client`
      insert into in_hand (process, ranges, message_id) values (${row}, ${mark.ranges}::text::jsonb, ${alone})
      on conflict (process) do update set ranges = excluded.ranges, message_id = excluded.message_id, marked_at = now()`;
    mark.isWritten = true;
  }

  async function takeOver(): Promise<void> {
    const dead = await client<{ process: string; ranges: readonly RecordRange[]; message_id: string | null }[]>`
      with dead as (
        delete from in_hand where split_part(process, ' ', 1) <> ${processId} and not exists (
          select from pg_stat_activity
          where datname = current_database() and application_name = ${SESSION} || split_part(in_hand.process, ' ', 1))
        returning process, ranges, message_id),
      counted as (
        insert into deadly_message (message_id, deaths)
        select message_id, count(*) from dead where message_id is not null
          and not exists (select from inbox where inbox.message_id = dead.message_id)
          and (dead.process like ${`%${TRIED}`}
            or not exists (select from dead_letter as letter where letter.message_id = dead.message_id))
        group by message_id order by message_id
        on conflict (message_id) do update set deaths = deadly_message.deaths + excluded.deaths, last_at = now())
      select process, ranges, message_id from dead`;
    const now = clock.elapsed();
    suspects = [
      ...suspects.filter(({ until }) => until > now),
      ...dead.flatMap(({ ranges }) => ranges.map((range) => ({ ...range, until: now + SUSPECT_MS }))),
    ];
    if (dead.length > 0) {
      logger.info("a process ended without a goodbye; what it had in hand is handled one by one", {
        records: suspects.length,
        alone: dead.flatMap(({ message_id }) => message_id ?? []),
      });
    }
    const counted = await client<{ id: string; crashes: number }[]>`
      select message_id as id, deaths as crashes from deadly_message`;
    crashes = new Map(counted.map((row) => [row.id, row.crashes]));
  }

  /**
   * A process whose session was cut looks dead to others until it has made a new one. Who finds that its mark has been taken away lives, and so
   * the death that was counted was none: otherwise sessions that are cut twice would make a poison message of the one that waits for the database.
   */
  async function takeBack(): Promise<void> {
    for (const { row, ranges, alone } of [...marks.values()].filter(({ isWritten }) => isWritten))
      await client`
        with again as (
          insert into in_hand (process, ranges, message_id) values (${row}, ${ranges}::text::jsonb, ${alone})
          on conflict (process) do nothing returning message_id)
        update deadly_message set deaths = deaths - 1 from again
        where deadly_message.message_id = again.message_id and deaths > 0`;
  }

  const isSuspect = (record: BrokerRecord) =>
    deferredSuspects.has(nameOfRecord(record)) || suspects.some((range) => contains(range, record));

  return {
    async ready() {
      taken ??= takeOver();
      try {
        await taken;
      } catch (error) {
        taken = undefined;
        throw error;
      }
    },
    async lookForCrashes() {
      if (taken === undefined) return;
      await takeBack();
      await takeOver();
    },
    async mark(records, messages) {
      const [only, ...others] = messages;
      const alone = only !== undefined && others.length === 0 ? only.id : null;
      const inherited = suspects.map(({ topic, partition, first, last }) => ({ topic, partition, first, last }));
      await write(processId, [...inherited, ...rangesOf(records)], alone);
    },
    markRetry: (messageId) => write(processId + TRIED, [], messageId),
    isSuspect,
    clear(records, deferred = []) {
      if (suspects.length === 0 && deferredSuspects.size === 0) return;
      const stillSuspect = deferred.filter(isSuspect);
      for (const record of records) deferredSuspects.delete(nameOfRecord(record));
      for (const record of stillSuspect) deferredSuspects.add(nameOfRecord(record));
      // Partitions are handled in order: what lies before a record that has been handled has been, too.
      const ends = new Map(rangesOf(records).map((range) => [nameOf(range), BigInt(range.last)]));
      suspects = suspects.filter((range) => BigInt(range.last) > (ends.get(nameOf(range)) ?? -1n));
    },
    crashesBy: (messageId) => crashes.get(messageId) ?? 0,
    async close() {
      if (marks.size > 0)
        await client`delete from in_hand where split_part(process, ' ', 1) = ${processId}`.catch((error: unknown) => {
          logger.debug("what this process had in hand could not be deleted; the next one finds it handled", { error });
        });
      await client.end({ timeout: 1 });
    },
  };
}

const SESSION = "in hand ";

const LOOK_INTERVAL_MS = 2_000;

/** Looks for replicas that have ended, before their partitions come to this one. Runs until `signal` is aborted. */
export async function watchForCrashes(
  signal: AbortSignal,
  { marker, clock, logger }: { readonly marker: InFlightMarker; readonly clock: Clock; readonly logger: Logger },
): Promise<void> {
  while (!signal.aborted) {
    await clock.sleep(LOOK_INTERVAL_MS, signal);
    if (signal.aborted) return;
    try {
      await marker.lookForCrashes();
    } catch (error) {
      logger.debug("processes that have ended could not be looked for; it is tried again", { error });
    }
  }
}
