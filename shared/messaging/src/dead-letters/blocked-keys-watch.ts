import { DeadLetterCause } from "@shop/contracts/http/dead-letter";
import type { Database } from "@shop/database/connect";
import type { Clock } from "@shop/runtime/clock";
import { every } from "@shop/runtime/every";
import type { Logger } from "@shop/runtime/logger";
import type { Metrics, Sample } from "@shop/runtime/metrics";
import { countOpen, SETTLED } from "./dead-letter-list.ts";
import { keysDue } from "./blocked-keys.ts";
import type { Replay } from "./replay.ts";

const LOOK_INTERVAL_MS = 2_000;
/** Maximum keys retried per poll. */
const KEYS = 50;

interface WatchOptions {
  readonly db: Database;
  readonly replay: Replay;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: Metrics;
}

/**
 * Retries the first dead letter of each blocked key, so that a deployment or the passing of time unblocks it without an operator;
 * and counts open dead letters in a metric. Runs until `signal` is aborted.
 */
export async function watchBlockedKeys(
  signal: AbortSignal,
  { db, replay, clock, logger, metrics }: WatchOptions,
): Promise<void> {
  let open: readonly Sample<"cause">[] = [];
  metrics.gauge(
    {
      name: "dead_letters_open",
      help: "Messages that could not be handled, or wait behind such a one, and are not settled",
      labels: { cause: DeadLetterCause.options },
    },
    () => open,
  );

  async function retryKey(key: string): Promise<void> {
    const tried = await replay.again(key);
    const settled = tried.filter(({ outcome }) => SETTLED.includes(outcome)).length;
    if (settled > 0)
      logger.info("DEAD_LETTER_RETRIED", "a dead letter was handled on retry, with the messages parked behind it", {
        key,
        settled,
      });
    const failed = tried.find(({ outcome }) => outcome === "FAILED" || outcome === "UNREADABLE");
    if (failed === undefined) return;
    const { entry, detail } = failed;
    const about = { key, deadLetterId: entry.id, type: entry.type, messageId: entry.messageId, detail };
    if (entry.cause === "PROCESS_KILLED")
      logger.error(
        "POISON_MESSAGE_ON_RETRY",
        "a dead letter crashes the process on retry; it is not retried by itself, and its key stays blocked",
        about,
      );
    else
      logger.warn(
        "DEAD_LETTER_RETRY_FAILED",
        "a dead letter still cannot be handled; its key stays blocked, and it is retried with backoff",
        about,
      );
  }

  /** One key after the other, whatever the result: a key that fails must not block the others. */
  async function tryAll(keys: readonly string[]): Promise<void> {
    for (const key of keys) {
      try {
        await retryKey(key);
      } catch (error) {
        logger.debug("DEAD_LETTER_RETRY_DEFERRED", "a blocked key could not be retried; retrying at the next check", {
          key,
          error,
        });
      }
    }
  }

  await every(
    LOOK_INTERVAL_MS,
    { clock, signal },
    async () => {
      await tryAll(await keysDue(db, clock.now(), KEYS));
      open = (await countOpen(db)).map(({ cause, count }) => ({ labels: { cause }, value: count }));
    },
    (error) => logger.debug("DEAD_LETTER_CHECK_FAILED", "dead letters could not be checked; retrying", { error }),
  );
}
