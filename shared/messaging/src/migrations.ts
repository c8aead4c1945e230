import type { MigrationSet } from "@shop/database/migrate";

/** Makes the tables of `schema.ts` in a participant's database, before those of the service itself. */
export const messagingMigrations: MigrationSet = {
  folder: `${import.meta.dir}/../migrations`,
  journal: "messaging_migrations",
};
