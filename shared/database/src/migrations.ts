import type { MigrationSet } from "./migrate.ts";

/** Makes the audit trail, with its functions and triggers. */
const auditMigrations: MigrationSet = { folder: `${import.meta.dir}/../migrations`, journal: "audit_migrations" };

/**
 * What makes the tables of a service's database, in the order in which it is applied.
 * @param own the folder of the service's own migrations, as drizzle-kit writes them
 * @param packages the sets of the packages that keep tables there, beside the audit trail
 */
export const migrationsOf = (own: string, packages: readonly MigrationSet[] = []): readonly MigrationSet[] => [
  auditMigrations,
  ...packages,
  { folder: own },
];
