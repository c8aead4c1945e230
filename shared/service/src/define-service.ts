import type { ParticipantName, ServiceName, Topic } from "@shop/contracts/services";
import type { MigrationSet } from "@shop/database/migrate";
import { migrationsOf } from "@shop/database/migrations";
import type { TokenVerifier } from "@shop/http/auth/token-verifier";
import type { HttpApp } from "@shop/http/server/app";
import type { MessageHandlers } from "@shop/messaging/inbox/handlers";
import { messagingMigrations } from "@shop/messaging/migrations";
import type { DatabaseContext, ServiceContext } from "./context.ts";
import type { KnowsOrder } from "./explain-order-route.ts";
import type { HealthFindings } from "./health.ts";

/** Work beside requests and messages, such as timers. It runs until `signal` is aborted. */
type BackgroundWork<Context> = (context: Context, signal: AbortSignal) => Promise<void>;

/** Something of its own that a service needs before it is ready: gives `ok`, or says what is missing. */
interface ReadinessCheck<Context> {
  readonly name: string;
  readonly check: (context: Context) => Promise<string>;
}

interface Contents<Context> {
  readonly routes: (app: HttpApp, context: Context) => void;
  readonly background?: readonly BackgroundWork<Context>[];
  readonly readiness?: ReadinessCheck<Context>;
  /** What it watches for beside its readiness, by the gauge that its background work shows. */
  readonly findings?: HealthFindings;
  /** Loads what it needs before it is ready, when its database has been migrated; repeated while the database is unavailable. */
  readonly prepare?: (context: Context) => Promise<void>;
  /** Stores what a demonstration needs; idempotent. */
  readonly seedDemoData?: (context: Context) => Promise<void>;
}

interface ParticipantContents extends Contents<ServiceContext> {
  readonly name: ParticipantName;
  readonly messaging: {
    /** The topics that it consumes; every replica the same ones. */
    readonly topics: readonly Topic[];
    readonly handlers: (context: ServiceContext) => MessageHandlers;
  };
  /** What it tells an operator of an order: read for one call, never for messages. */
  readonly knows?: KnowsOrder;
}

interface StandaloneContents<Context> extends Contents<Context> {
  readonly name: ServiceName;
  readonly messaging?: undefined;
  /** What its routes and its background work are built from. */
  readonly context: (base: DatabaseContext) => Context;
  readonly verifier: (context: Context) => TokenVerifier;
}

interface OwnTables {
  /** What makes the tables of its database, in the order in which it is applied. */
  readonly migrations: readonly MigrationSet[];
}

/** A service that takes part in the messaging, as data: its table of contents. */
export type Participant = ParticipantContents & OwnTables;
/** A service with a database of its own that takes no part in the messaging. */
export type Standalone<Context> = StandaloneContents<Context> & OwnTables;

interface Given {
  readonly database: {
    /** The folder of the service's own migrations, as drizzle-kit writes them. */
    readonly migrations: string;
  };
}

/** Says what a service is made of. Nothing is opened; `createParticipant` and `createStandalone` build it. */
export function defineService(given: ParticipantContents & Given): Participant;
export function defineService<Context>(given: StandaloneContents<Context> & Given): Standalone<Context>;
export function defineService<Context>(
  given: (ParticipantContents | StandaloneContents<Context>) & Given,
): Participant | Standalone<Context> {
  const { database, ...contents } = given;
  const packages = contents.messaging === undefined ? [] : [messagingMigrations];
  return { ...contents, migrations: migrationsOf(database.migrations, packages) };
}
