import type { ServiceName } from "@shop/contracts/services";
import type { MigrationSet } from "@shop/database/migrate";
import { runOnce } from "./run-once.ts";

/**
 * Brings a service's database to the newest migration and leaves with 0: a step of its own, before the service's replicas start.
 * It waits for a database that is unavailable, and for others that migrate. A migration that is wrong is logged, and it leaves with 1.
 * @throws ConfigError
 */
export function runMigrations(
  { name, migrations }: { readonly name: ServiceName; readonly migrations: readonly MigrationSet[] },
  environment: Readonly<Record<string, string | undefined>>,
): void {
  const failure = { event: "MIGRATION_FAILED", sentence: "the database cannot be migrated" } as const;
  runOnce({ name, migrations, migrates: true, failure, work: async () => undefined }, environment);
}
