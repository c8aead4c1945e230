import type { Database } from "@shop/database/connect";
import { backoffMs } from "@shop/runtime/backoff";
import type { Clock } from "@shop/runtime/clock";
import type { Logger } from "@shop/runtime/logger";
import { BATCH_SIZES, type Metrics, STAGE_SECONDS } from "@shop/runtime/metrics";
import type { Tracing } from "@shop/runtime/tracing";
import type { Topic } from "@shop/contracts/services";
import type { Acknowledgement, Broker } from "../broker.ts";
import { recordPublished } from "./message-spans.ts";
import type { PendingRow, Published, RelaySession } from "./relay-session.ts";
import { brokerDataLost, type BrokerLossRecovery, createBrokerLossRecovery } from "./broker-loss-recovery.ts";

export interface PublishingLimits {
  /** How many rows are published at once, 1,000 by default. */
  readonly batch?: number;
  /** How many bytes are published at once, 500,000 by default. One row is published whatever its size. */
  readonly batchBytes?: number;
}

export interface RelayOptions extends PublishingLimits {
  /** Opens a session of this replica's own; a new one each time that the last was lost. */
  readonly openSession: () => RelaySession;
  readonly db: Database;
  readonly broker: Broker;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: Metrics;
  /** Given where traces are exported. */
  readonly tracing?: Tracing | undefined;
  /** How long the relay waits at most, in milliseconds, before it looks again without having been woken. */
  readonly sweepIntervalMs?: number;
}

/** What the active replica leads with. */
interface Leading {
  readonly session: RelaySession;
  readonly recovery: BrokerLossRecovery;
}

export interface Relay {
  /** Says that this process has committed rows. Cheap; call it after each commit that wrote some. */
  wake(): void;
  /** Whether this replica is the one that publishes. */
  isActive(): boolean;
  start(): void;
  /** Publishes what is in the outbox, for some seconds and if the broker takes it, and lets another replica go on. */
  stop(): Promise<void>;
}

/** The channel on which a replica that commits rows wakes the one that publishes them. */
const RELAY_CHANNEL = "outbox_committed";
const BATCH = 1_000;
/**
 * The most that is published at once, in bytes. Kafka refuses more than 1,048,588 a partition (`message.max.bytes`), and all rows may be for one:
 * half of it, since a batch costs no less by being larger, and topics may have been made with a lower limit.
 */
const BATCH_BYTES = 500_000;
/** What a record has beside key and value: lengths, offsets, and the header that says what it is. */
const RECORD_OVERHEAD_BYTES = 100;
/** How soon a standby replica asks again whether the active one is gone, in milliseconds. */
const STANDBY_INTERVAL_MS = 500;
const RESTART_PAUSE_MS = 200;
/**
 * How long the mark of published rows waits for the next read, in milliseconds: both are one statement, and the messages of a saga follow each
 * other within this time. Meanwhile it is one batch that a crash would have published again, as it is between acknowledgement and mark anyway.
 */
const MARK_WITHIN_MS = 100;
/** How long a stop goes on publishing, in milliseconds: other replicas may commit faster than the outbox empties. */
const STOP_TIMEOUT_MS = 2_000;
const NOTHING: Published = { ids: [], ends: [] };
/** Refusals that last less are an everyday thing, such as a partition that has just got a leader, or another one. */
const WARN_AFTER_MS = 3_000;
const PUBLISH_BACKOFF = { firstMs: 100, maxMs: 2_000 };

/** As many rows as may be published at once; one at least. The others are read again with the next batch. */
function firstThatFit(rows: readonly PendingRow[], mostBytes: number): readonly PendingRow[] {
  let bytes = 0;
  const fitting = rows.findIndex(
    ({ key, payload }) =>
      (bytes += Buffer.byteLength(key) + Buffer.byteLength(payload) + RECORD_OVERHEAD_BYTES) > mostBytes,
  );
  return fitting === -1 ? rows : rows.slice(0, Math.max(1, fitting));
}

const MADE_AT = /"time":"([^"]+)"/;

/** How old a message is by its own `time`, which stands in front of its data: the outbox keeps it letter by letter. */
function secondsSinceMade({ payload }: PendingRow, clock: Clock): number {
  const madeAt = Date.parse(MADE_AT.exec(payload)?.[1] ?? "");
  return Number.isNaN(madeAt) ? 0 : Math.max(0, (clock.now() - madeAt) / 1_000);
}

/**
 * Publishes the outbox. Of all replicas one at a time is active: the one whose session holds the advisory lock.
 *
 * A batch is read, published, and marked together with the reading of the next one. Between the broker's acknowledgement and the mark
 * a crash means that the batch is published again: receivers have an inbox. One batch is in flight at a time, so a key's messages
 * keep their order. What the broker has lost of what it acknowledged is sent again. A replica that was frozen and thaws can publish only what had been published already.
 */
export function createRelay(options: RelayOptions): Relay {
  const { openSession, db, broker, clock, logger, metrics, tracing, sweepIntervalMs = 500 } = options;
  const { batch = BATCH, batchBytes = BATCH_BYTES } = options;
  const publishedTotal = metrics
    .counter({ name: "outbox_published_total", help: "Messages that the broker has acknowledged" })
    .child({});
  const publishFailures = metrics.counter({
    name: "outbox_publish_failures_total",
    help: "Publications that the broker did not take; they are tried again",
  });
  const publishSeconds = metrics
    .histogram(
      { name: "outbox_publish_duration_seconds", help: "Time from a publication to the broker's acknowledgement" },
      STAGE_SECONDS,
    )
    .child({});
  const publishedBatches = metrics
    .histogram({ name: "outbox_publish_batch_messages", help: "Messages of one publication" }, BATCH_SIZES)
    .child({});
  const waited = metrics
    .histogram(
      {
        name: "outbox_wait_seconds",
        help: "Time from a message's creation to the broker's acknowledgement, of the first message of each publication",
      },
      STAGE_SECONDS,
    )
    .child({});
  metrics.counter(brokerDataLost);
  const stopping = new AbortController();
  let done: Promise<void> | undefined;
  let leaveAt = Infinity;
  let active = false;
  let woken = false;
  let interruptWait: (() => void) | undefined;
  let notifying = false;

  function wakeHere(): void {
    woken = true;
    interruptWait?.();
  }

  /** Tells the active replica; at most one such call is under way, since one wakes for all that was committed before. */
  async function wakeOther(): Promise<void> {
    if (notifying) return;
    notifying = true;
    try {
      await db.$client.notify(RELAY_CHANNEL, "");
    } catch (error) {
      logger.debug("RELAY_NOTIFY_FAILED", "the active relay could not be notified; its next poll finds the rows", {
        error,
      });
    } finally {
      notifying = false;
    }
  }

  async function untilWokenOr(ms: number): Promise<void> {
    if (!woken && !stopping.signal.aborted) {
      const interrupt = new AbortController();
      interruptWait = () => interrupt.abort();
      await clock.sleep(ms, interrupt.signal);
      interruptWait = undefined;
    }
    woken = false;
  }

  /** Publishes the same rows until the broker has acknowledged them all; undefined when this replica must not go on with them. */
  async function publish(
    { session, recovery }: Leading,
    rows: readonly PendingRow[],
  ): Promise<readonly Acknowledgement[] | undefined> {
    const records = rows.map(({ topic, key, payload }) => ({ topic: topic as Topic, key, value: payload }));
    const failingSinceMs = clock.elapsed();
    let warned = false;
    for (let attempt = 1; session.holds(); attempt += 1) {
      try {
        if (recovery.isUnsure() && (await recovery.look())) return undefined;
        const sentAt = clock.elapsed();
        const tracedFrom = tracing?.now() ?? 0;
        const acknowledgements = await broker.publish(records);
        if (tracing !== undefined) recordPublished(tracing, rows, { sentAt: tracedFrom, attempts: attempt });
        publishedTotal(rows.length);
        publishedBatches(rows.length);
        publishSeconds((clock.elapsed() - sentAt) / 1_000);
        return acknowledgements;
      } catch (error) {
        recovery.doubt();
        publishFailures.inc({});
        if (warned ? attempt % 10 === 0 : clock.elapsed() - failingSinceMs >= WARN_AFTER_MS) {
          warned = true;
          logger.warn("RELAY_PUBLISH_FAILED", "the broker does not accept messages; they wait in the outbox", {
            waiting: rows.length,
            attempt,
            error,
          });
        }
        if (stopping.signal.aborted) return undefined;
        await clock.sleep(backoffMs(PUBLISH_BACKOFF, attempt), stopping.signal);
      }
    }
    return undefined;
  }

  /** Looks, when it is time, whether the broker has lost something. While the broker is unavailable nothing is known. */
  async function lookForLoss({ recovery }: Leading): Promise<void> {
    if (!recovery.isDue()) return;
    try {
      await recovery.look();
    } catch (error) {
      logger.debug("BROKER_LOSS_CHECK_FAILED", "the broker's offsets could not be checked; retrying", { error });
    }
  }

  /** Sends rows again that the broker has lost, one batch of them; whether there were any. */
  async function recoverSome(leading: Leading): Promise<boolean> {
    const { recovery } = leading;
    const sent = await recovery.read(batch);
    if (sent === undefined) return false;
    const rows = firstThatFit(sent.rows, batchBytes);
    const acknowledgements = await publish(leading, rows);
    if (acknowledgements !== undefined && !(await recovery.note(acknowledgements)))
      await recovery.advance(sent.topicRecovery, rows.at(-1)?.id ?? sent.topicRecovery.nextId, acknowledgements);
    return true;
  }

  async function lead(session: RelaySession): Promise<void> {
    const recovery = await createBrokerLossRecovery({ session, broker, clock, logger, metrics });
    const leading: Leading = { session, recovery };
    let published: Published = NOTHING;
    let unmarked = 0;
    while (session.holds()) {
      const read = await session.markAndRead(published, batch, recovery.topics());
      published = NOTHING;
      if (unmarked === 0 && session.unmarked() > 0)
        logger.warn(
          "RELAY_MARK_BLOCKED",
          "published messages cannot be marked as sent: another session has locked their rows; others continue",
        );
      unmarked = session.unmarked();
      if (stopping.signal.aborted && (read.length === 0 || clock.elapsed() >= leaveAt)) return;
      await lookForLoss(leading);
      const resent = await recoverSome(leading);
      // A loss may have been found since they were read: then they wait behind what is sent again.
      const held = recovery.topics();
      const rows = firstThatFit(
        read.filter(({ topic }) => !held.includes(topic as Topic)),
        batchBytes,
      );
      if (rows.length > 0) {
        const acknowledgements = await publish(leading, rows);
        if (acknowledgements !== undefined) {
          const [first] = rows;
          if (first !== undefined) waited(secondsSinceMade(first, clock));
          await recovery.note(acknowledgements);
          published = { ids: rows.map(({ id }) => id), ends: acknowledgements };
          // All that was committed before the read has been read, and who commits wakes.
          if (rows.length === read.length && read.length < BATCH && !resent)
            await untilWokenOr(Math.min(MARK_WITHIN_MS, sweepIntervalMs));
        } else if (stopping.signal.aborted) return;
      } else if (!resent) await untilWokenOr(sweepIntervalMs);
    }
  }

  /** Lets other replicas wake this one. The sweep does without, so nothing waits for it and nothing fails with it. */
  function listen(): { end(): void } {
    const ignored = (error: unknown) => {
      logger.debug("RELAY_LISTEN_FAILED", "other replicas cannot wake this relay; its next poll finds their rows", {
        error,
      });
    };
    const listening = db.$client.listen(RELAY_CHANNEL, wakeHere).catch(ignored);
    return { end: () => void listening.then((listener) => listener?.unlisten()).catch(ignored) };
  }

  /** Waits to be the active replica, and then is it until the session is lost or the relay is stopped. */
  async function serve(session: RelaySession): Promise<void> {
    while (!(await session.tryToLead())) {
      await clock.sleep(STANDBY_INTERVAL_MS, stopping.signal);
      if (stopping.signal.aborted) return;
    }
    const listening = listen();
    try {
      active = true;
      logger.info("RELAY_LEADING", "this replica publishes the outbox");
      await lead(session);
    } finally {
      active = false;
      listening.end();
    }
  }

  async function run(): Promise<void> {
    while (!stopping.signal.aborted) {
      const session = openSession();
      try {
        await serve(session);
      } catch (error) {
        if (!stopping.signal.aborted)
          logger.warn("RELAY_SESSION_LOST", "the relay lost its database session and starts again", { error });
      } finally {
        await session.close();
      }
      await clock.sleep(RESTART_PAUSE_MS, stopping.signal);
    }
  }

  return {
    wake() {
      if (active) wakeHere();
      else void wakeOther();
    },
    isActive: () => active,
    start() {
      done ??= run();
    },
    async stop() {
      leaveAt = clock.elapsed() + STOP_TIMEOUT_MS;
      stopping.abort();
      wakeHere();
      await done;
    },
  };
}
