import { type Topic, topics as allTopics } from "@shop/contracts/services";
import type { Clock } from "@shop/runtime/clock";
import type { Logger } from "@shop/runtime/logger";
import type { Metrics } from "@shop/runtime/metrics";
import { createAcknowledgedOffsets } from "./acknowledged-offsets.ts";
import type { Acknowledgement, Broker } from "../broker.ts";
import type { PendingRow, RelaySession, TopicRecovery } from "./relay-session.ts";

interface BrokerLossRecoveryOptions {
  readonly session: RelaySession;
  readonly broker: Broker;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: Metrics;
}

/**
 * How often the broker's end offsets are checked, in milliseconds: faster than a broker can restart empty,
 * so that a check in between has failed.
 */
const LOOK_INTERVAL_MS = 2_000;

/** Shown by each replica from its start, also by those that never lead. */
export const brokerDataLost = {
  name: "broker_data_lost_total",
  help: "Times that the broker was found to have lost messages of a topic that it had acknowledged",
  labels: { topic: allTopics },
} as const;

/** The next rows to be republished. */
export interface RecoveryBatch {
  readonly topicRecovery: TopicRecovery;
  readonly rows: readonly PendingRow[];
}

/**
 * Detects when the broker has lost acknowledged records, all of its data or one partition's end, and republishes the sent rows that
 * are kept: each topic's from the oldest on, with that topic's unsent rows behind them, so that a key's messages keep their order.
 * The losses and the progress are in the database: a relay that takes over continues there.
 *
 * This relay is the only one that writes to its topics' partitions, so their ends can only be before what was acknowledged if
 * something is lost. It is compared when a relay begins to lead, before a publication that failed is retried, and at intervals;
 * and a publication itself shows it when its records come to stand where others stood.
 */
export async function createBrokerLossRecovery({ session, broker, clock, logger, metrics }: BrokerLossRecoveryOptions) {
  const dataLost = metrics.counter(brokerDataLost);
  const acknowledged = createAcknowledgedOffsets(await session.publishedEnds());
  let recoveries = await session.recoveries();
  let lookAt = clock.elapsed();
  /** Whether the broker has not answered since something failed: nothing is known of what it has. */
  let unsure = true;

  async function begin(lost: readonly Topic[], reason: string): Promise<void> {
    await session.beginRecovery(lost);
    acknowledged.forget(lost);
    recoveries = await session.recoveries();
    // Where one topic has lost something, others may have.
    lookAt = clock.elapsed();
    for (const topic of lost) dataLost.inc({ topic });
    logger.warn("BROKER_DATA_LOST", "the broker has lost acknowledged messages; those still kept are republished", {
      topics: lost,
      reason,
    });
  }

  return {
    /** Topics whose unsent rows wait, since earlier ones are being republished. */
    topics: (): readonly Topic[] => recoveries.map(({ topic }) => topic),
    /** To be called when a publication has failed. */
    doubt(): void {
      unsure = true;
    },
    /** Whether `look` must succeed before the next publication. */
    isUnsure: () => unsure,
    isDue: () => clock.elapsed() >= lookAt,
    /**
     * Asks the broker how far its partitions go.
     * @returns whether it has lost something; then what was about to be published has to wait
     * @throws when the broker does not answer
     */
    async look(): Promise<boolean> {
      lookAt = clock.elapsed() + LOOK_INTERVAL_MS;
      unsure = true;
      const topics = acknowledged.topics();
      const lost = topics.length === 0 ? [] : acknowledged.missingFrom(await broker.endOffsets(topics));
      if (lost.length > 0) await begin(lost, "its partitions end before what it had acknowledged");
      unsure = false;
      return lost.length > 0;
    },
    /** Takes note of a publication. @returns whether its offsets were acknowledged before: then rows are republished */
    async note(acknowledgements: readonly Acknowledgement[]): Promise<boolean> {
      const lost = acknowledged.overwrittenBy(acknowledgements);
      if (lost.length > 0) await begin(lost, "it put messages where others had been");
      acknowledged.add(acknowledgements);
      return lost.length > 0;
    },
    /** The next rows to be republished; undefined when there are none. */
    async read(limit: number): Promise<RecoveryBatch | undefined> {
      for (let topicRecovery = recoveries[0]; topicRecovery !== undefined; topicRecovery = recoveries[0]) {
        const rows = await session.readSent(topicRecovery, limit);
        if (rows.length > 0) return { topicRecovery, rows };
        await session.advanceRecovery(topicRecovery.topic, undefined, []);
        recoveries = recoveries.slice(1);
        logger.info("BROKER_DATA_RECOVERED", "everything kept of what the broker lost has been republished", {
          topic: topicRecovery.topic,
        });
      }
      return undefined;
    },
    /** Records that rows of a batch have been republished, up to the one with the id `lastId`. */
    async advance(
      { topic }: TopicRecovery,
      lastId: string,
      acknowledgements: readonly Acknowledgement[],
    ): Promise<void> {
      const nextId = String(BigInt(lastId) + 1n);
      await session.advanceRecovery(topic, nextId, acknowledgements);
      recoveries = recoveries.map((topicRecovery) =>
        topicRecovery.topic === topic ? { ...topicRecovery, nextId } : topicRecovery,
      );
    },
  };
}

export type BrokerLossRecovery = Awaited<ReturnType<typeof createBrokerLossRecovery>>;
