import type { BrokerRecord, SubscribeOptions, Subscription } from "@shop/messaging/broker";
import { createWorkQueue, type HandledOffset } from "@shop/messaging/kafka/consumer/work-queue";
import { ask, type BrokerEnvironment } from "./request.ts";
import type { Member, Position } from "./kafka.ts";

/** As in `subscription.ts` of the messaging: how soon what was handled is committed, and a fetch with nothing to bring returns. */
const COMMIT_INTERVAL_MS = 300;
const FETCH_WAIT_MS = 500;
const REBUILD_PAUSE_MS = 200;
/** As many records as a fetch brings of a partition at most: few, so that there are many ways to cut them into batches. */
const FETCH = 8;
/** Some bring more, which only matters when much has come together. */
const LARGE_FETCH = 60;
const LARGE_FETCH_PART = 0.3;

/** The member was left out of its group's generation. */
class Rejoin extends Error {
  override readonly name = "Rejoin";
}

/**
 * A member of a consumer group. How fetched records are queued, handled and committed is the product's own work queue; what kafkajs does around it
 * is played here: it joins, reads on from what was committed, learns of a rebalance with its next request, and starts again.
 */
export function simulatedSubscription(
  around: BrokerEnvironment,
  { groupId, topics, handle }: SubscribeOptions,
): Subscription {
  const { kafka, scheduler, process, clock, logger, metrics } = around;
  const stopping = new AbortController();
  const member: Member = { id: process.name, topics };
  let isHealthy = false;
  let generation = 0;
  let positions: Position[] = [];

  function mustBeCurrent(asked = generation): void {
    if (!kafka.isCurrent(groupId, member.id, asked)) throw new Rejoin("the group has another generation");
  }

  const join = () =>
    ask(around, undefined, `joins ${groupId}`, () => {
      generation = kafka.isMember(groupId, member.id) ? kafka.generationOf(groupId) : kafka.join(groupId, member);
      positions = [...kafka.positionsOf(groupId, member)];
    });

  /** The handler, as it is when what it is built of fails: before it has done anything, or when all is committed. */
  const failing =
    (work: SubscribeOptions["handle"]): SubscribeOptions["handle"] =>
    async (batch, signal) => {
      const fate = around.injector.fateOf(process, "batch");
      if (fate === "refused") throw new Error("the handler failed before it began");
      const deferred = await work(batch, signal);
      if (fate === "unanswered") throw new Error("the handler failed when all was done");
      return deferred;
    };

  /** What has come, of some of the partitions, in any order of these, and whether there is more, which a broker would not make wait. */
  const fetch = () =>
    ask(around, undefined, "", () => {
      mustBeCurrent();
      if (kafka.isStalled(groupId)) return { brought: [], hasMore: false };
      const brought: BrokerRecord[] = [];
      let hasMore = false;
      for (const [index, at] of positions.entries()) {
        if (scheduler.chance(0.2)) {
          hasMore ||= kafka.read(at, 1).length > 0;
          continue;
        }
        const most = scheduler.chance(LARGE_FETCH_PART) ? LARGE_FETCH : FETCH;
        const records = kafka.read(at, 1 + Math.floor(scheduler.random() * most));
        const last = records.at(-1);
        if (last === undefined) continue;
        positions[index] = { ...at, next: Number(last.offset) + 1 };
        if (scheduler.chance(0.5)) brought.push(...records);
        else brought.unshift(...records);
      }
      if (brought.length > 0)
        scheduler.note(
          `${process.name}: fetched ${brought.map(({ topic, partition, offset }) => `${topic}:${partition}:${offset}`).join(" ")}`,
        );
      return { brought, hasMore };
    });

  const commit = (offsets: readonly HandledOffset[]) => {
    const asked = generation;
    return ask(
      around,
      "commit offsets",
      `commits ${offsets.map(({ topic, partition, next }) => `${topic}:${partition}:${next}`).join(" ")}`,
      () => {
        mustBeCurrent(asked);
        kafka.commit(
          groupId,
          offsets.map(({ next, ...at }) => ({ ...at, next: Number(next) })),
        );
      },
    );
  };

  async function nextRecordOr(ms: number): Promise<void> {
    const come = new AbortController();
    kafka.onNextRecord(() => void scheduler.after(around.injector.latencyMs(), process, "", () => come.abort()));
    await clock.sleep(ms, AbortSignal.any([come.signal, stopping.signal]));
  }

  async function consumeUntilBroken(): Promise<void> {
    const queue = createWorkQueue({
      ...{ handle: failing(handle), clock, logger, metrics },
      ...(around.maxBatch === undefined ? {} : { maxBatch: around.maxBatch }),
    });
    const ended = new AbortController();
    const commitHandled = () =>
      queue
        .commitHandled(commit)
        .catch((error: unknown) => logger.debug("OFFSET_COMMIT_FAILED", "offsets could not be committed", { error }));
    const committing = (async () => {
      while (!ended.signal.aborted) {
        await clock.sleep(COMMIT_INTERVAL_MS, ended.signal);
        await commitHandled();
      }
    })();
    try {
      await join();
      queue.startOver();
      isHealthy = true;
      while (!stopping.signal.aborted) {
        try {
          const { brought, hasMore } = await fetch();
          if (brought.length > 0) queue.add(brought);
          else if (!hasMore) await nextRecordOr(FETCH_WAIT_MS);
        } catch (error) {
          if (!(error instanceof Rejoin)) throw error;
          await join();
          queue.startOver();
        }
        while (!queue.isEmpty() && !stopping.signal.aborted) await queue.untilEmptyOr(FETCH_WAIT_MS);
      }
    } finally {
      await queue.close();
      ended.abort();
      await committing;
      await ask(around, undefined, `leaves ${groupId}`, () => kafka.leave(groupId, member.id)).catch((error: unknown) =>
        logger.debug("CONSUMER_DISCONNECT_FAILED", "the group could not be left", { error }),
      );
    }
  }

  async function run(): Promise<void> {
    while (!stopping.signal.aborted) {
      try {
        await consumeUntilBroken();
      } catch (error) {
        logger.warn("CONSUMER_REPLACED", "the consumer ended; a new one takes its place", { groupId, error });
      }
      isHealthy = false;
      if (!stopping.signal.aborted) await clock.sleep(REBUILD_PAUSE_MS, stopping.signal);
    }
  }

  const done = run();
  return {
    isHealthy: () => isHealthy,
    async stop() {
      stopping.abort();
      await done;
    },
  };
}
