import type { Clock } from "@shop/runtime/clock";
import { every } from "@shop/runtime/every";
import type { Logger } from "@shop/runtime/logger";
import type { Metrics } from "@shop/runtime/metrics";

const LOOK_INTERVAL_MS = 15_000;

interface LagMetricOptions {
  /** How many records the service has not handled yet. */
  readonly lag: () => Promise<number>;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: Metrics;
}

/** Shows as a metric how many messages wait for the service; each replica shows those of all. Runs until `signal` is aborted. */
export async function watchLag(signal: AbortSignal, { lag, clock, logger, metrics }: LagMetricOptions): Promise<void> {
  let messages = 0;
  metrics.gauge(
    { name: "consumer_lag_messages", help: "Messages that the service has not handled yet" },
    () => messages,
  );
  // Kafka may take long to answer when it is unavailable, and a stop does not wait for it.
  const aborted = new Promise<undefined>((resolve) => {
    signal.addEventListener("abort", () => resolve(undefined), { once: true });
  });
  await clock.sleep(LOOK_INTERVAL_MS, signal);
  await every(
    LOOK_INTERVAL_MS,
    { clock, signal },
    async () => {
      messages = (await Promise.race([lag(), aborted])) ?? messages;
    },
    (error) =>
      logger.debug("LAG_READ_FAILED", "the consumer lag could not be read; the metric keeps its last value", { error }),
  );
}
