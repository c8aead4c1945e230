import { inTransaction } from "@shop/database/transaction";
import { every } from "@shop/runtime/every";
import type { ServiceContext } from "@shop/service/context";
import { countOpenSagas, type OpenSagas } from "../db/sagas.ts";
import { markStuck } from "./mark-stuck.ts";
import { sagaMetricsOf } from "./metrics.ts";
import { lockAbandoned, save } from "./store.ts";
import type { SagaVersions } from "./versions.ts";

/** How often a replica counts the sagas that have not ended, in milliseconds: about as often as metrics are scraped. */
const INTERVAL_MS = 15_000;
/** A saga that is overdue for this long, in milliseconds, has no release that continues with it: timers look every 500 ms. */
const ABANDONED_AFTER_MS = 60_000;
const BATCH = 200;
const OPEN = ["RUNNING", "COMPENSATING", "STUCK"] as const;

/** Counts the sagas that have not ended for the metrics, and shows those that no running release continues with as stuck. Runs until `signal` is aborted. */
export async function watchSagas<Data, Reason extends string>(
  context: ServiceContext,
  signal: AbortSignal,
  versions: SagaVersions<Data, Reason>,
): Promise<void> {
  const { db, clock, logger, metrics } = context;
  let open: OpenSagas = { byStatus: { RUNNING: 0, COMPENSATING: 0, STUCK: 0 }, oldestStuckSince: null };
  metrics.gauge({ name: "sagas", help: "Sagas that have not ended", labels: { status: OPEN } }, () =>
    Object.entries(open.byStatus).map(([status, value]) => ({ labels: { status }, value })),
  );
  metrics.gauge({ name: "sagas_stuck", help: "Sagas that wait for an operator" }, () => open.byStatus.STUCK);
  const oldest = {
    name: "sagas_stuck_oldest_seconds",
    help: "How long the saga that is stuck the longest has been so",
  };
  metrics.gauge(oldest, () =>
    open.oldestStuckSince === null ? 0 : Math.max(0, (clock.now() - open.oldestStuckSince) / 1_000),
  );
  await every(
    INTERVAL_MS,
    { clock, signal },
    async () => {
      await showAbandoned(context, versions);
      open = await countOpenSagas(db);
    },
    (error) =>
      logger.warn("SAGA_COUNT_FAILED", "sagas could not be counted; retrying, and metrics show the last count", {
        error,
      }),
  );
}

async function showAbandoned<Data, Reason extends string>(
  { db, clock, logger, metrics }: ServiceContext,
  versions: SagaVersions<Data, Reason>,
): Promise<void> {
  const now = clock.now();
  const abandoned = await inTransaction(db, async (tx) => {
    const states = await lockAbandoned<Data, Reason>(tx, versions.known, now - ABANDONED_AFTER_MS, BATCH);
    const stuck = states.map((before) => {
      const problem = `no release that runs knows its version ${before.version}`;
      const { state, history } = markStuck(before, null, problem, now);
      return { state, readRevision: before.revision, history };
    });
    if (stuck.length > 0) await save(tx, stuck, now);
    return states;
  });
  for (const { id, key, version, step } of abandoned) {
    sagaMetricsOf(metrics, versions).stuck(step);
    logger.warn("SAGA_STUCK_VERSION", "a saga is stuck: no running release knows its version", {
      [versions.newest.keyField]: key,
      sagaId: id,
      version,
      step,
      remedy: "start the release that began it; it goes on by itself",
    });
  }
}
