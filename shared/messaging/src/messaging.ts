import type { Topic } from "@shop/contracts/services";
import type { Database } from "@shop/database/connect";
import { type DatabaseDriver, postgresDriver } from "@shop/database/driver";
import type { Clock } from "@shop/runtime/clock";
import { ExplainedError } from "@shop/runtime/errors";
import type { IdSource } from "@shop/runtime/ids";
import type { Logger } from "@shop/runtime/logger";
import type { Metrics } from "@shop/runtime/metrics";
import type { Tracing } from "@shop/runtime/tracing";
import { type Backlog, readBacklog } from "./backlog.ts";
import type { Broker, Subscription } from "./broker.ts";
import { createDeadLetters } from "./dead-letters/dead-letters.ts";
import type { MessageHandlers } from "./inbox/handlers.ts";
import { watchBlockedKeys } from "./dead-letters/blocked-keys-watch.ts";
import { createInFlightMarker, watchForCrashes } from "./inbox/in-flight.ts";
import { createInbox } from "./inbox/inbox.ts";
import { createOutbox, type Outbox } from "./outbox/outbox.ts";
import { watchLag } from "./lag-metric.ts";
import { watchOutboxAge } from "./outbox/outbox-age.ts";
import { purgeUntil, type Retention } from "./purge.ts";
import { createRelay, type PublishingLimits } from "./outbox/relay.ts";
import { openRelaySession } from "./outbox/relay-session.ts";
import { createReplay, type Replay } from "./dead-letters/replay.ts";

export interface MessagingOptions {
  readonly db: Database;
  readonly databaseUrl: string;
  /** PostgreSQL's by default. */
  readonly driver?: DatabaseDriver;
  readonly broker: Broker;
  /** The consumer group: the service's name. */
  readonly groupId: string;
  readonly retention: Retention;
  /** How much of the outbox is published at once. */
  readonly publishes?: PublishingLimits;
  readonly clock: Clock;
  readonly ids: IdSource;
  readonly logger: Logger;
  readonly metrics: Metrics;
  /** Given where traces are exported. */
  readonly tracing?: Tracing | undefined;
}

/** Told the keys of messages whose effects have just been committed. */
export type HandledListener = (keys: readonly string[]) => void;

/** What a service takes part in the messaging with. */
export interface Messaging {
  readonly outbox: Outbox;
  /** Registers who is told the keys of messages whose effects this process has committed. It must be quick and must not throw. */
  onHandled(listener: HandledListener): void;
  /** Handles dead letters again, by the same handlers that `start` is given. */
  replayer(handlers: MessageHandlers): Replay;
  /** Begins to publish the outbox and to consume. */
  start(topics: readonly Topic[], handlers: MessageHandlers): void;
  isHealthy(): boolean;
  /** What waits in the database; counts end at `atMost`. */
  backlog(atMost: number): Promise<Backlog>;
  /** How many records of its topics this service, all of its replicas, has not handled yet. Rejects before `start`, and when Kafka does not tell. */
  lag(): Promise<number>;
  /** Takes no more messages, finishes those in flight, publishes what they led to, and stops. */
  stop(): Promise<void>;
}

/** Wires outbox, relay, inbox and dead letters of one service's database to the broker. Nothing runs before `start`. */
export function createMessaging(options: MessagingOptions): Messaging {
  const { db, databaseUrl, driver = postgresDriver, broker, groupId, retention, clock, ids, logger, metrics } = options;
  const { tracing } = options;
  const relay = createRelay({
    openSession: () => openRelaySession({ databaseUrl, driver, clock }),
    db,
    broker,
    clock,
    logger,
    metrics,
    tracing,
    ...options.publishes,
  });
  const outbox = createOutbox({ ids, clock, wakeRelay: relay.wake, tracing });
  const deadLetters = createDeadLetters({ db, ids, clock, logger, metrics });
  const marker = createInFlightMarker({ databaseUrl, driver, processId: ids(), logger });
  const stopping = new AbortController();
  const handledListeners: HandledListener[] = [];
  const onHandled: HandledListener = (keys) => {
    for (const tell of handledListeners) tell(keys);
  };
  let subscription: Subscription | undefined;
  let consumed: readonly Topic[] = [];
  let housekeeping: Promise<unknown> | undefined;

  const replayer = (handlers: MessageHandlers) => createReplay({ db, handlers, outbox, marker, onHandled, clock });

  async function lag(): Promise<number> {
    if (consumed.length === 0) throw new ExplainedError("nothing is consumed yet");
    return broker.lag({ groupId, topics: consumed });
  }

  return {
    outbox,
    onHandled: (listener) => void handledListeners.push(listener),
    replayer,
    start(topics, handlers) {
      consumed = topics;
      relay.start();
      housekeeping = Promise.all([
        purgeUntil(stopping.signal, { db, clock, logger, retention }),
        watchOutboxAge(stopping.signal, { db, clock, logger, metrics }),
        watchForCrashes(stopping.signal, { marker, clock, logger }),
        watchBlockedKeys(stopping.signal, { db, replay: replayer(handlers), clock, logger, metrics }),
        watchLag(stopping.signal, { lag, clock, logger, metrics }),
      ]);
      const handle = createInbox({
        db,
        handlers,
        outbox,
        deadLetters,
        marker,
        onHandled,
        clock,
        logger,
        metrics,
        ...(tracing !== undefined && { tracing: { tracing, groupId } }),
      });
      subscription = broker.subscribe({ groupId, topics, handle });
    },
    isHealthy: () => subscription?.isHealthy() ?? false,
    backlog: (atMost) => readBacklog(db, atMost),
    lag,
    async stop() {
      stopping.abort();
      await subscription?.stop();
      await relay.stop();
      await housekeeping;
      await marker.close();
      await broker.close();
    },
  };
}
