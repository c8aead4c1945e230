import type { ServiceName } from "@shop/contracts/messages/define";
import { systemClock } from "@shop/runtime/clock";
import { loadConfig } from "@shop/runtime/config";
import { createLogger } from "@shop/runtime/logger";
import { ownDatabase } from "./own-database.ts";
import type { Participant } from "./participant.ts";
import { databaseRules, databaseSettings, processSettings } from "./settings.ts";

const { ENVIRONMENT, DATABASE_URL, SEED_DEMO_DATA } = databaseSettings;

/**
 * Brings a service's database to the newest migration and leaves with 0: a step of its own, before the service's replicas start.
 * It waits for a database that is away, and for others that migrate. A migration that is wrong is logged, and it leaves with 1.
 * @throws ConfigError
 */
export function migrateAndLeave(
  { name, migrations }: { readonly name: ServiceName; readonly migrations: Participant["migrations"] },
  environment: Readonly<Record<string, string | undefined>>,
): void {
  const { LOG_LEVEL } = processSettings(name);
  const settings = { LOG_LEVEL, ENVIRONMENT, DATABASE_URL, SEED_DEMO_DATA };
  const config = loadConfig(settings, environment, { rules: databaseRules });
  const clock = systemClock;
  const logger = createLogger({ service: name, level: config.LOG_LEVEL, clock });
  const database = ownDatabase({ name, url: config.DATABASE_URL, migrations, migrateAtStart: true, clock, logger });
  // Process 1 of a container hears no signal that it does not ask for. What is cut short is rolled back by the database.
  for (const signal of ["SIGTERM", "SIGINT"]) process.on(signal, () => process.exit(1));
  void database
    .prepare(new AbortController().signal, async () => undefined)
    .then(() => database.close())
    .then(
      () => process.exit(0),
      (error: unknown) => {
        logger.error("the database cannot be migrated", { error });
        process.exit(1);
      },
    );
}
