import type { ServiceName } from "@shop/contracts/services";
import type { Database } from "@shop/database/connect";
import type { MigrationSet } from "@shop/database/migrate";
import { type Clock, systemClock } from "@shop/runtime/clock";
import { loadConfig } from "@shop/runtime/config";
import { logWriter } from "@shop/runtime/log-text";
import { createLogger, type EventCode, type Logger } from "@shop/runtime/logger";
import { ownDatabase } from "./own-database.ts";
import { databaseRules, databaseSettings, processSettings } from "./settings.ts";

interface RunOnceOptions {
  readonly name: ServiceName;
  /** What makes its tables, in the order in which it is applied. */
  readonly migrations: readonly MigrationSet[];
  /** Whether it brings the database to the newest migration; otherwise it waits until someone else has. */
  readonly migrates: boolean;
  /** What the log says when it fails. */
  readonly failure: { readonly event: EventCode; readonly sentence: string };
  readonly work: (parts: { readonly db: Database; readonly clock: Clock; readonly logger: Logger }) => Promise<void>;
}

const { ENVIRONMENT, DATABASE_URL, MIGRATION_DATABASE_URL, SEED_DEMO_DATA } = databaseSettings;

/**
 * Does something with a service's database, once, beside its replicas, and leaves with 0; or with 1 when it fails, which is logged. It waits for a
 * database that is unavailable.
 * @throws ConfigError
 */
export function runOnce(
  { name, migrations, migrates, failure, work }: RunOnceOptions,
  environment: Readonly<Record<string, string | undefined>>,
): void {
  const { LOG_LEVEL, LOG_FORMAT, NO_COLOR } = processSettings(name);
  const settings = {
    ...{ LOG_LEVEL, LOG_FORMAT, NO_COLOR },
    ...{ ENVIRONMENT, DATABASE_URL, MIGRATION_DATABASE_URL, SEED_DEMO_DATA },
  };
  const config = loadConfig(settings, environment, { rules: databaseRules });
  const clock = systemClock;
  const logger = createLogger({
    ...{ service: name, level: config.LOG_LEVEL, clock },
    write: logWriter(config.LOG_FORMAT, config.NO_COLOR),
  });
  const database = ownDatabase({
    name,
    url: config.DATABASE_URL,
    migrationUrl: config.MIGRATION_DATABASE_URL,
    migrations,
    migrateAtStart: migrates,
    clock,
    logger,
  });
  // Process 1 of a container hears no signal that it does not ask for. What is cut short is rolled back by the database.
  for (const signal of ["SIGTERM", "SIGINT"]) process.on(signal, () => process.exit(1));
  void database
    .prepare(new AbortController().signal, () => work({ db: database.db, clock, logger }))
    .then(() => database.close())
    .then(
      () => process.exit(0),
      (error: unknown) => {
        logger.error(failure.event, failure.sentence, { error });
        process.exit(1);
      },
    );
}
