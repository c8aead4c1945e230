import type { OrderEvent } from "@shop/contracts/http/order";
import { backoffMs } from "@shop/runtime/backoff";
import type { ServiceContext } from "@shop/service/context";
import { findChanged, type OrderRow } from "../db/orders.ts";
import { eventsAfter } from "./order-events.ts";

/** What a watcher is told: events in their order, and that there will be no more. */
export interface Watcher {
  tell(id: number, event: OrderEvent): void;
  end(): void;
}

export interface OrderWatch {
  /** Tells a watcher the changes of an order behind the event `seen`, those in `row` at once. @returns how to leave */
  watch(row: OrderRow, seen: number, watcher: Watcher): () => void;
  /** Says that orders may have changed just now, to look at them at once. */
  look(orderIds: readonly string[]): void;
}

/** How long another replica's change may go unseen, in milliseconds. */
const LOOK_EVERY_MS = 200;
/** A look takes at most about a tenth of the time: a pause is so many times as long as the look before it. */
const PAUSE_PER_LOOK = 9;
/** The longest pause, in milliseconds: one look that was slow must not keep news from all watchers for ten times as long. */
const MAX_PAUSE_MS = 2_000;
const AWAY_BACKOFF = { firstMs: 200, maxMs: 2_000 };
/** Orders per statement. */
const CHUNK = 1_000;

interface Watching {
  readonly watcher: Watcher;
  seen: number;
}

/**
 * Watches orders for any number of callers, with one statement at a time for all of them: for the orders that this process has changed at once,
 * for all watched ones every 200 ms, since another replica may have changed them. While nobody watches nothing runs.
 */
export function watchOrders({
  db,
  clock,
  logger,
  metrics,
}: Pick<ServiceContext, "db" | "clock" | "logger" | "metrics">): OrderWatch {
  const watched = new Map<string, Set<Watching>>();
  const touched = new Set<string>();
  let watchers = 0;
  let running = false;
  let wake = new AbortController();
  metrics.gauge({ name: "order_watchers", help: "Event streams of orders that are open" }, () => watchers);

  /** Tells what is new in a row to one watcher. */
  function tell(row: OrderRow, watching: Watching): void {
    for (const { id, event } of eventsAfter(row, watching.seen)) {
      watching.seen = id;
      watching.watcher.tell(id, event);
    }
    if (row.status !== "PENDING") watching.watcher.end();
  }

  async function lookAt(orderIds: readonly string[]): Promise<void> {
    for (let from = 0; from < orderIds.length; from += CHUNK) {
      const known = orderIds.slice(from, from + CHUNK).flatMap((id) => {
        const seen = [...(watched.get(id) ?? [])].map((watching) => watching.seen);
        return seen.length === 0 ? [] : [{ id, changes: Math.min(...seen) - 1 }];
      });
      for (const row of await findChanged(db, known)) {
        for (const watching of watched.get(row.id) ?? []) tell(row, watching);
      }
    }
  }

  async function lookWhileWatched(): Promise<void> {
    let failures = 0;
    let allLookedAtMs = clock.now();
    while (watchers > 0) {
      const startedMs = clock.elapsed();
      const isTimeForAll = Math.abs(clock.now() - allLookedAtMs) >= LOOK_EVERY_MS;
      const orderIds = isTimeForAll ? [...watched.keys()] : [...touched];
      touched.clear();
      let pauseMs: number;
      try {
        await lookAt(orderIds);
        if (isTimeForAll) allLookedAtMs = clock.now();
        failures = 0;
        pauseMs = Math.min(MAX_PAUSE_MS, (clock.elapsed() - startedMs) * PAUSE_PER_LOOK);
      } catch (error) {
        failures += 1;
        if (failures === 1)
          logger.warn("ORDER_STREAMS_STALLED", "watched orders cannot be read; their event streams wait", { error });
        pauseMs = backoffMs(AWAY_BACKOFF, failures);
      }
      await clock.sleep(pauseMs);
      wake = new AbortController();
      if (touched.size === 0) await clock.sleep(LOOK_EVERY_MS, wake.signal);
    }
    running = false;
  }

  return {
    watch(row, seen, watcher) {
      const watching: Watching = { watcher, seen };
      const others = watched.get(row.id) ?? new Set();
      const leave = () => {
        if (!others.delete(watching)) return;
        watchers -= 1;
        if (others.size === 0) watched.delete(row.id);
      };
      others.add(watching);
      watched.set(row.id, others);
      watchers += 1;
      tell(row, watching);
      if (!running && watchers > 0) {
        running = true;
        void lookWhileWatched();
      }
      return leave;
    },
    look(orderIds) {
      if (watchers === 0) return;
      for (const id of orderIds) if (watched.has(id)) touched.add(id);
      if (touched.size > 0) wake.abort();
    },
  };
}
