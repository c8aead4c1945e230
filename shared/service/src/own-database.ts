import type { Database, PoolUse } from "@shop/database/connect";
import type { Reader } from "@shop/database/reader";
import { type DatabaseDriver, postgresDriver } from "@shop/database/driver";
import { isRefused, isTransient } from "@shop/database/errors";
import { isMigrated, migrate, type MigrationSet } from "@shop/database/migrate";
import { grantRunTimeRole } from "@shop/database/run-time-role";
import { backoffMs } from "@shop/runtime/backoff";
import type { Clock } from "@shop/runtime/clock";
import { ExplainedError } from "@shop/runtime/errors";
import type { Logger } from "@shop/runtime/logger";
import type { Metrics } from "@shop/runtime/metrics";
import { sql } from "drizzle-orm";
import { withTimeout } from "./with-timeout.ts";

interface OwnDatabaseOptions {
  /** The service's name. */
  readonly name: string;
  readonly url: string;
  /** The same database with the role that owns its tables: migrations are applied with it, and the role of `url` is given its rights. By default `url`. */
  readonly migrationUrl?: string | undefined;
  /** PostgreSQL's by default. */
  readonly driver?: DatabaseDriver;
  /** What makes its tables, in the order in which it is applied. */
  readonly migrations: readonly MigrationSet[];
  /** Whether `prepare` applies them; otherwise it waits until someone else has. */
  readonly migrateAtStart: boolean;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Shows how its pools are used. */
  readonly metrics?: Metrics;
}

/** The one database that a service owns: waited for, migrated, and probed. */
export interface OwnDatabase {
  readonly db: Database;
  /** For calls that only read. */
  readonly read: Reader["during"];
  /**
   * Migrates, or waits for the migrations, and then runs `afterwards`, such as a seed; again and again while the database is unavailable.
   * @returns false when `signal` was aborted meanwhile: then no work may begin
   * @throws what is wrong with a migration, or with the name, the password or the database that it was given, which waiting does not mend
   */
  prepare(signal: AbortSignal, afterwards: () => Promise<void>): Promise<boolean>;
  /** Whether it is not prepared yet. */
  isStarting(): boolean;
  /** Whether an error says that the database cannot be used now. Before it is prepared every error does. */
  isUnavailable(error: unknown): boolean;
  /** `ok`, or what is wrong with it, for `/readyz`; within a second. */
  check(): Promise<string>;
  close(): Promise<void>;
}

const NOT_LET_IN =
  "the database does not let this service in: look at the name, the password and the database of DATABASE_URL, and of MIGRATION_DATABASE_URL if it is set; the migration step makes the role of DATABASE_URL";
const START_BACKOFF = { firstMs: 100, maxMs: 1_000 };

/** The database has not been migrated yet, which is another process's task. */
class NotMigrated extends ExplainedError {
  override readonly name = "NotMigrated";
  constructor() {
    super("the database lacks migrations of this release; run this service's src/migrate.ts");
  }
}

type Pools = Readonly<Record<"changes" | "reads", () => PoolUse>>;

/** Shows how both pools are used: when statements wait for a connection, calls and messages do. */
function showPools(metrics: Metrics, pools: Pools): void {
  const all = Object.entries(pools);
  const connections = {
    name: "database_pool_connections",
    help: "Connections to the service's database",
    labels: { pool: Object.keys(pools), state: ["idle", "busy", "connecting"] },
  };
  metrics.gauge(connections, () =>
    all.flatMap(([pool, use]) => {
      const { idle, busy, connecting } = use();
      return Object.entries({ idle, busy, connecting }).map(([state, value]) => ({ labels: { pool, state }, value }));
    }),
  );
  metrics.gauge(
    {
      name: "database_pool_waiting",
      help: "Statements and transactions that wait for a connection",
      labels: { pool: Object.keys(pools) },
    },
    () => all.map(([pool, use]) => ({ labels: { pool }, value: use().waiting })),
  );
}

export function ownDatabase({
  name,
  url,
  migrationUrl = url,
  driver = postgresDriver,
  migrations,
  migrateAtStart,
  clock,
  logger,
  metrics,
}: OwnDatabaseOptions): OwnDatabase {
  const db = driver.connectDatabase({ url, applicationName: `${name} service` });
  const reader = driver.connectReader({ url, applicationName: `${name} service, reads` });
  let prepared = false;
  if (metrics) showPools(metrics, { changes: () => db.$client.pool(), reads: reader.pool });

  async function bringUpToDate(): Promise<void> {
    if (migrateAtStart) {
      await migrate(migrationUrl, migrations);
      await grantRunTimeRole(migrationUrl, url);
    } else if (!(await isMigrated(db, migrations))) throw new NotMigrated();
  }

  return {
    db,
    read: reader.during,
    async prepare(signal, afterwards) {
      for (let attempt = 1; !signal.aborted; attempt += 1) {
        try {
          await bringUpToDate();
          await afterwards();
          prepared = true;
          if (signal.aborted) return false;
          logger.info("DATABASE_MIGRATED", "the database is migrated");
          return true;
        } catch (error) {
          // A password or a migration that is wrong is no matter of waiting; the operator must see it at once.
          if (isRefused(error)) throw new ExplainedError(NOT_LET_IN, { cause: error });
          if (!isTransient(error) && !(error instanceof NotMigrated)) throw error;
          if (attempt === 1 || attempt % 10 === 0)
            logger.warn("DATABASE_AWAITED", "waiting for the database", { attempt, error });
          await clock.sleep(backoffMs(START_BACKOFF, attempt), signal);
        }
      }
      return false;
    },
    isStarting: () => !prepared,
    isUnavailable: (error) => !prepared || isTransient(error),
    async check() {
      if (!prepared) return "waiting for the database and its migrations";
      return withTimeout(
        db.execute(sql`select 1`).then(() => "ok"),
        clock,
        (reason) => reason,
      );
    },
    async close() {
      await Promise.all([db.$client.end({ timeout: 2 }), reader.end()]);
    },
  };
}
