import type { Clock } from "@shop/runtime/clock";
import type { BrokerRecord } from "../../broker.ts";
import { backoffMs } from "@shop/runtime/backoff";

/** As many records as are kept at most, about 1 kB each; from then on nothing more is taken until some of them are handled. */
const MAX_DEFERRED = 10_000;
const RETRY_BACKOFF = { firstMs: 100, maxMs: 1_000 };
/** A pause is this many times as long as the round of retries before it, so that other keys have most of the handler's time. */
const PAUSE_PER_ROUND = 4;

/** How many records are deferred, and for how long the one that waits longest has been, in seconds. */
export interface DeferredState {
  readonly records: number;
  readonly oldestSeconds: number;
}

interface DeferredKey {
  /** In the order in which they came. */
  records: readonly BrokerRecord[];
  readonly sinceMs: number;
}

/**
 * The records of keys that cannot be handled now because another transaction holds a lock that they need. Later records of such a key are added
 * behind them, so that a key's order is kept while all other keys continue. They are retried in rounds, each key once a round.
 */
export function createDeferredRecords(clock: Pick<Clock, "elapsed">) {
  let keys = new Map<string | null, DeferredKey>();
  let count = 0;
  /** The keys that are still to be tried in the present round. */
  let round: (string | null)[] = [];
  let roundStartedAt = 0;
  let roundMadeProgress = false;
  let attempt = 0;
  let nextRoundAt = 0;

  /** Ends a round, or makes the first one wait. */
  function schedule(tookMs: number): void {
    attempt = roundMadeProgress ? 1 : attempt + 1;
    roundMadeProgress = false;
    nextRoundAt = clock.elapsed() + Math.max(backoffMs(RETRY_BACKOFF, attempt), PAUSE_PER_ROUND * tookMs);
  }

  return {
    isEmpty: () => keys.size === 0,
    isFull: () => count >= MAX_DEFERRED,
    holds: (key: string | null) => keys.has(key),
    state(): DeferredState {
      const [oldest] = [...keys.values()].map(({ sinceMs }) => sinceMs).toSorted((a, b) => a - b);
      return { records: count, oldestSeconds: oldest === undefined ? 0 : (clock.elapsed() - oldest) / 1_000 };
    },
    /** Adds records behind those of their keys. */
    add(records: readonly BrokerRecord[]): void {
      if (records.length === 0) return;
      if (keys.size === 0) {
        attempt = 0;
        schedule(0);
      }
      for (const [key, added] of Map.groupBy(records, (record) => record.key)) {
        const known = keys.get(key);
        if (known) known.records = [...known.records, ...added];
        else keys.set(key, { records: added, sinceMs: clock.elapsed() });
      }
      count += records.length;
    },
    /** In how many milliseconds a retry is due: 0 for now, undefined while nothing is deferred. */
    dueInMs(): number | undefined {
      if (keys.size === 0) return undefined;
      return round.length > 0 ? 0 : Math.max(0, nextRoundAt - clock.elapsed());
    },
    /** The records of the next keys of a round, whole keys only, about `atMost` of them. */
    nextToRetry(atMost: number): readonly BrokerRecord[] {
      if (round.length === 0) {
        round = [...keys.keys()];
        roundStartedAt = clock.elapsed();
      }
      const next: BrokerRecord[] = [];
      while (round.length > 0 && next.length < atMost) next.push(...(keys.get(round.shift() ?? null)?.records ?? []));
      return next;
    },
    /** Says of records that `nextToRetry` gave which of them are deferred still, those to be tried first in front. */
    retried(tried: readonly BrokerRecord[], still: readonly BrokerRecord[]): void {
      const remaining = Map.groupBy(still, (record) => record.key);
      const sinceOf = new Map([...remaining.keys()].map((key) => [key, keys.get(key)?.sinceMs ?? clock.elapsed()]));
      for (const { key } of tried) keys.delete(key);
      for (const [key, records] of remaining) keys.set(key, { records, sinceMs: sinceOf.get(key) ?? clock.elapsed() });
      count -= tried.length - still.length;
      roundMadeProgress ||= still.length < tried.length;
      if (round.length === 0) schedule(clock.elapsed() - roundStartedAt);
    },
    /** The lowest offset that is deferred of each partition, by `nameOf` of the partition. */
    lowestOffsets(nameOf: (record: BrokerRecord) => string): ReadonlyMap<string, bigint> {
      const lowest = new Map<string, bigint>();
      for (const { records } of keys.values()) {
        for (const record of records) {
          const [name, offset] = [nameOf(record), BigInt(record.offset)];
          const known = lowest.get(name);
          if (known === undefined || offset < known) lowest.set(name, offset);
        }
      }
      return lowest;
    },
    clear(): void {
      keys = new Map();
      count = 0;
      round = [];
    },
  };
}
