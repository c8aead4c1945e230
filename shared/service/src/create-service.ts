import { createApp } from "@shop/http/server/app";
import type { Readiness } from "@shop/http/server/management";
import { createStreamPermits, defaultStreamLimits, type StreamLimits } from "@shop/http/streaming/stream-permits";
import type { TokenVerifier } from "@shop/http/auth/token-verifier";
import type { Broker } from "@shop/messaging/broker";
import type { DatabaseDriver } from "@shop/database/driver";
import type { MessageHandlers } from "@shop/messaging/inbox/handlers";
import { createMessaging, type Messaging } from "@shop/messaging/messaging";
import { defaultRetention, type Retention } from "@shop/messaging/purge";
import type { PublishingLimits } from "@shop/messaging/outbox/relay";
import type { Clock } from "@shop/runtime/clock";
import type { Identity } from "@shop/runtime/identity";
import type { IdSource } from "@shop/runtime/ids";
import type { Logger } from "@shop/runtime/logger";
import type { Metrics } from "@shop/runtime/metrics";
import type { Tracing } from "@shop/runtime/tracing";
import { auditExports, auditRoutes } from "./audit-routes.ts";
import { purgeAuditTrail } from "./audit-retention.ts";
import { runBulkOperations } from "./bulk.ts";
import type { DatabaseContext, ServiceContext } from "./context.ts";
import { bulkReplays, deadLetterBulkRoutes } from "./dead-letter-bulk.ts";
import { deadLetterRoutes } from "./dead-letter-routes.ts";
import type { Participant, Standalone } from "./define-service.ts";
import { explainOrderRoute, knowsNothing } from "./explain-order-route.ts";
import { type HealthFindings, healthRoute } from "./health.ts";
import { withTimeout } from "./with-timeout.ts";
import { type OwnDatabase, ownDatabase } from "./own-database.ts";
import type { ServiceRuntime } from "./process.ts";

/** What a service that owns a database is built from. */
export interface ServiceDependencies {
  readonly databaseUrl: string;
  /** As `migrationUrl` of `ownDatabase`. */
  readonly migrationDatabaseUrl?: string | undefined;
  /** How the database is reached; as PostgreSQL by default. */
  readonly driver?: DatabaseDriver;
  readonly identity: Identity;
  readonly clock: Clock;
  readonly ids: IdSource;
  readonly logger: Logger;
  readonly metrics: Metrics;
  /** Given where traces are exported. */
  readonly tracing?: Tracing | undefined;
  /** Whether it migrates its database itself; otherwise it waits until someone else has. */
  readonly migrateAtStart: boolean;
  readonly seedDemoData: boolean;
  /** How long entries of the audit trail are kept, in days; indefinitely by default. */
  readonly auditTrailDays?: number | undefined;
}

/** What a participant is built from. */
export interface ParticipantDependencies extends ServiceDependencies {
  readonly broker: Broker;
  readonly verifier: TokenVerifier;
  /** How many event streams this process holds open; `defaultStreamLimits` by default. */
  readonly streamLimits?: StreamLimits;
  /** How long rows are kept that have done their work. */
  readonly retention?: Retention;
  /** As in the messaging's options. */
  readonly publishes?: PublishingLimits;
}

/** Builds a service that takes part in the messaging. Nothing is opened before `start`. */
export function createParticipant(participant: Participant, dependencies: ParticipantDependencies): ServiceRuntime {
  const { name } = participant;
  const { broker, databaseUrl, driver, publishes = {}, retention = defaultRetention } = dependencies;
  const { clock, ids, logger, metrics, tracing } = dependencies;
  const database = databaseOf(participant, dependencies);
  const { db } = database;
  const messaging = createMessaging({
    ...{ db, databaseUrl, broker, groupId: name, retention, publishes, clock, ids, logger, metrics, tracing },
    ...(driver && { driver }),
  });
  const { outbox, onHandled } = messaging;
  const context: ServiceContext = { ...baseOf(database, dependencies), outbox, onHandled };
  return compose(participant, context, {
    ...{ database, dependencies, verifier: dependencies.verifier },
    streamLimits: dependencies.streamLimits ?? defaultStreamLimits,
    messaging: { running: messaging, participant, context, handlers: () => participant.messaging.handlers(context) },
  });
}

/** Builds a service with a database that takes no part in the messaging. Nothing is opened before `start`. */
export function createStandalone<Context extends DatabaseContext>(
  service: Standalone<Context>,
  dependencies: ServiceDependencies,
): ServiceRuntime {
  const database = databaseOf(service, dependencies);
  const context = service.context(baseOf(database, dependencies));
  return compose(service, context, { database, dependencies, verifier: service.verifier(context) });
}

function databaseOf(
  { name, migrations }: Pick<Participant | Standalone<never>, "name" | "migrations">,
  { databaseUrl: url, migrationDatabaseUrl: migrationUrl, driver, ...dependencies }: ServiceDependencies,
): OwnDatabase {
  const { migrateAtStart, clock, logger, metrics } = dependencies;
  return ownDatabase({
    ...{ name, url, migrationUrl, migrations, migrateAtStart, clock, logger, metrics },
    ...(driver && { driver }),
  });
}

function baseOf(
  { db, read }: OwnDatabase,
  { clock, ids, logger, metrics, tracing }: ServiceDependencies,
): DatabaseContext {
  return { db, read, clock, ids, logger, metrics, tracing };
}

interface Parts {
  readonly database: OwnDatabase;
  readonly dependencies: ServiceDependencies;
  readonly verifier: TokenVerifier;
  readonly streamLimits?: StreamLimits;
  readonly messaging?: {
    readonly running: Messaging;
    readonly participant: Participant;
    readonly context: ServiceContext;
    readonly handlers: () => MessageHandlers;
  };
}

/** What the messaging of every participant watches for. */
const MESSAGING_FINDINGS: HealthFindings = {
  DEFERRED_MESSAGES: "messages_deferred",
  UNREADABLE_PARTITIONS: "consumer_unreadable_partitions",
};

/** The one composition of all services that own a database: their routes, their readiness, and in which order they start and stop. */
function compose<Context extends DatabaseContext>(
  service: Pick<
    Standalone<Context>,
    "name" | "routes" | "background" | "readiness" | "findings" | "prepare" | "seedDemoData"
  >,
  context: Context,
  { database, dependencies, verifier, streamLimits, messaging }: Parts,
): ServiceRuntime {
  const { name, background = [], readiness } = service;
  const { db, read, clock, ids, logger, metrics, tracing } = context;
  const { identity, seedDemoData, auditTrailDays } = dependencies;
  const stopping = new AbortController();
  let working: Promise<void> | undefined;

  const app = createApp({
    ...{ service: name, logger, clock, metrics, tracing, verifier },
    ...(streamLimits && { streams: createStreamPermits({ limits: streamLimits, metrics }) }),
    onExport: auditExports({ db, clock, ids }),
    isUnavailable: database.isUnavailable,
    isStarting: database.isStarting,
  });
  service.routes(app, context);
  const handlers = messaging?.handlers();
  const replay = messaging && handlers && messaging.running.replayer(handlers);
  const replays = replay && bulkReplays(replay);
  auditRoutes(app, { service: name, read });

  async function work(): Promise<void> {
    const prepare = async () => {
      await service.prepare?.(context);
      if (seedDemoData) await service.seedDemoData?.(context);
    };
    if (!(await database.prepare(stopping.signal, prepare))) return;
    if (messaging && handlers) messaging.running.start(messaging.participant.messaging.topics, handlers);
    await Promise.all([
      ...background.map((run) => run(context, stopping.signal)),
      purgeAuditTrail(context, stopping.signal, auditTrailDays),
      messaging && replays && runBulkOperations(messaging.context, stopping.signal, replays),
    ]);
  }

  async function checkAll(): Promise<Readonly<Record<string, string>>> {
    const answer = await database.check();
    if (answer !== "ok" || readiness === undefined) return { database: answer };
    return {
      database: answer,
      [readiness.name]: await withTimeout(readiness.check(context), clock, (reason) => reason),
    };
  }

  async function ready(): Promise<Readiness> {
    const needed = await checkAll();
    const isReady = Object.values(needed).every((answer) => answer === "ok");
    if (messaging === undefined) return { ready: isReady, checks: needed };
    // Kafka may be unavailable: requests are still taken, their messages wait in the outbox.
    const kafka = messaging.running.isHealthy() ? "ok" : "not a member of the consumer group";
    return { ready: isReady, checks: { ...needed, kafka } };
  }

  const health = { service: name, identity, clock, ready, metrics };
  if (messaging && replay && replays) {
    const { running, participant } = messaging;
    const { name: own, knows = knowsNothing } = participant;
    deadLetterRoutes(app, { service: own, read, replay, clock, ids, logger });
    deadLetterBulkRoutes(app, messaging.context, { service: own, target: replays });
    explainOrderRoute(app, { service: own, read, clock, knows, ready, messaging: running });
    healthRoute(app, { ...health, messaging: running, findings: { ...service.findings, ...MESSAGING_FINDINGS } });
  } else {
    healthRoute(app, { ...health, findings: service.findings ?? {} });
  }

  return {
    app,
    ready,
    start() {
      working ??= work();
    },
    async stop() {
      stopping.abort();
      await messaging?.running.stop();
      await working;
      await database.close();
    },
  };
}
