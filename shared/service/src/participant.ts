import type { ParticipantName } from "@shop/contracts/services";
import type { Topic } from "@shop/contracts/services";
import { createApp, type HttpApp } from "@shop/http/server/app";
import type { Readiness } from "@shop/http/server/management";
import { createStreamPermits, defaultStreamLimits, type StreamLimits } from "@shop/http/streaming/stream-permits";
import type { TokenVerifier } from "@shop/http/auth/token-verifier";
import type { Broker } from "@shop/messaging/broker";
import { type DatabaseDriver, postgresDriver } from "@shop/database/driver";
import type { MigrationSet } from "@shop/database/migrate";
import type { MessageHandlers } from "@shop/messaging/inbox/handlers";
import { createMessaging } from "@shop/messaging/messaging";
import { messagingMigrations } from "@shop/messaging/migrations";
import { defaultRetention, type Retention } from "@shop/messaging/purge";
import type { PublishingLimits } from "@shop/messaging/outbox/relay";
import type { Clock } from "@shop/runtime/clock";
import type { Identity } from "@shop/runtime/identity";
import type { IdSource } from "@shop/runtime/ids";
import type { Logger } from "@shop/runtime/logger";
import type { Metrics } from "@shop/runtime/metrics";
import { auditExports, auditRoutes } from "./audit-routes.ts";
import { purgeAuditTrail } from "./audit-retention.ts";
import type { Tracing } from "@shop/runtime/tracing";
import type { ServiceContext } from "./context.ts";
import { deadLetterRoutes } from "./dead-letter-routes.ts";
import { explainOrderRoute, knowsNothing, type KnowsOrder } from "./explain-order-route.ts";
import { type HealthFindings, healthRoute } from "./health.ts";
import { withTimeout } from "./with-timeout.ts";
import { ownDatabase } from "./own-database.ts";

/** Work beside requests and messages, such as timers. It runs until `signal` is aborted. */
export type BackgroundWork = (context: ServiceContext, signal: AbortSignal) => Promise<void>;

/** Something of its own that a service needs before it is ready: gives `ok`, or says what is missing. */
export interface ReadinessCheck {
  readonly name: string;
  readonly check: (context: ServiceContext) => Promise<string>;
}

/**
 * What makes the tables of a participant's database.
 * @param folder the service's own migrations, as drizzle-kit writes them
 */
export const participantMigrations = (folder: string): readonly MigrationSet[] => [messagingMigrations, { folder }];

/** What makes a service that takes part in the saga: its table of contents. */
export interface Participant {
  readonly name: ParticipantName;
  /** What makes its tables: `participantMigrations`. */
  readonly migrations: readonly MigrationSet[];
  /** The topics that it consumes; every replica the same ones. */
  readonly topics: readonly Topic[];
  readonly handlers: (context: ServiceContext) => MessageHandlers;
  readonly routes: (app: HttpApp, context: ServiceContext) => void;
  readonly background?: readonly BackgroundWork[];
  /** What it tells an operator of an order: read for one call, never for messages. */
  readonly knows?: KnowsOrder;
  readonly readiness?: ReadinessCheck;
  /** What it watches for beside its readiness, by the gauge that its background work shows. */
  readonly findings?: HealthFindings;
  /** Stores what a demonstration needs; idempotent. */
  readonly seedDemoData?: (context: ServiceContext) => Promise<void>;
}

/** What a participant is built from. */
export interface ParticipantDependencies {
  readonly databaseUrl: string;
  /** As `migrationUrl` of `ownDatabase`. */
  readonly migrationDatabaseUrl?: string | undefined;
  /** How the database is reached; as PostgreSQL by default. */
  readonly driver?: DatabaseDriver;
  readonly broker: Broker;
  readonly verifier: TokenVerifier;
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
  /** How many event streams this process holds open; `defaultStreamLimits` by default. */
  readonly streamLimits?: StreamLimits;
  /** How long entries of the audit trail are kept, in days; indefinitely by default. */
  readonly auditTrailDays?: number | undefined;
  /** How long rows are kept that have done their work. */
  readonly retention?: Retention;
  /** As in the messaging's options. */
  readonly publishes?: PublishingLimits;
}

export interface RunningParticipant {
  readonly app: HttpApp;
  ready(): Promise<Readiness>;
  /** Migrates, seeds, and then begins to consume and publish; waits for the database for as long as it is unavailable. */
  start(): void;
  /** Finishes in-flight work. The HTTP side must have been stopped before. */
  stop(): Promise<void>;
}

/** Builds a service from its parts. Nothing is opened before `start`. */
export function createParticipant(participant: Participant, dependencies: ParticipantDependencies): RunningParticipant {
  const { name, migrations, topics, background = [], readiness, findings: own = {} } = participant;
  const { knows = knowsNothing } = participant;
  const findings: HealthFindings = {
    ...own,
    DEFERRED_MESSAGES: "messages_deferred",
    UNREADABLE_PARTITIONS: "consumer_unreadable_partitions",
  };
  const {
    databaseUrl,
    driver = postgresDriver,
    migrateAtStart,
    broker,
    verifier,
    identity,
    clock,
    ids,
    logger,
    metrics,
    tracing,
  } = dependencies;
  const { migrationDatabaseUrl: migrationUrl } = dependencies;
  const database = ownDatabase({
    ...{ name, url: databaseUrl, migrationUrl, driver, migrations, migrateAtStart, clock, logger, metrics },
  });
  const { db, read } = database;
  const { retention = defaultRetention } = dependencies;
  const messaging = createMessaging({
    db,
    databaseUrl,
    driver,
    broker,
    groupId: name,
    retention,
    publishes: dependencies.publishes ?? {},
    clock,
    ids,
    logger,
    metrics,
    tracing,
  });
  const context: ServiceContext = {
    db,
    read,
    outbox: messaging.outbox,
    onHandled: messaging.onHandled,
    clock,
    ids,
    logger,
    metrics,
    tracing,
  };
  const stopping = new AbortController();
  let working: Promise<void> | undefined;

  const app = createApp({
    service: name,
    logger,
    clock,
    metrics,
    tracing,
    verifier,
    streams: createStreamPermits({ limits: dependencies.streamLimits ?? defaultStreamLimits, metrics }),
    onExport: auditExports({ db, clock, ids }),
    isUnavailable: database.isUnavailable,
    isStarting: database.isStarting,
  });
  participant.routes(app, context);
  const handlers = participant.handlers(context);
  auditRoutes(app, { service: name, read });
  deadLetterRoutes(app, { service: name, read, replay: messaging.replayer(handlers), clock, ids, logger });

  async function work(): Promise<void> {
    const seed = async () => (dependencies.seedDemoData ? participant.seedDemoData?.(context) : undefined);
    if (!(await database.prepare(stopping.signal, seed))) return;
    messaging.start(topics, handlers);
    const { auditTrailDays } = dependencies;
    await Promise.all([
      ...background.map((run) => run(context, stopping.signal)),
      purgeAuditTrail(context, stopping.signal, auditTrailDays),
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
    // Kafka may be unavailable: requests are still taken, their messages wait in the outbox.
    return {
      ready: Object.values(needed).every((answer) => answer === "ok"),
      checks: { ...needed, kafka: messaging.isHealthy() ? "ok" : "not a member of the consumer group" },
    };
  }
  explainOrderRoute(app, { service: name, read, clock, knows, ready, messaging });
  healthRoute(app, { service: name, identity, clock, ready, messaging, findings, metrics });

  return {
    app,
    ready,
    start() {
      working ??= work();
    },
    async stop() {
      stopping.abort();
      await messaging.stop();
      await working;
      await database.close();
    },
  };
}
