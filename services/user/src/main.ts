import { loadConfig } from "@shop/runtime/config";
import { uuidV7 } from "@shop/runtime/ids";
import { runMain, runProcess } from "@shop/service/process";
import { databaseRules } from "@shop/service/settings";
import { userSettings } from "./config.ts";
import { createUserService } from "./service.ts";

runMain(() => {
  const config = loadConfig(userSettings, process.env, { rules: databaseRules });
  return runProcess({
    name: "user",
    settings: config,
    build: (parts) =>
      createUserService({
        databaseUrl: config.DATABASE_URL,
        migrationDatabaseUrl: config.MIGRATION_DATABASE_URL,
        tokenIssuer: config.TOKEN_ISSUER,
        tokenAudience: config.TOKEN_AUDIENCE,
        migrateAtStart: config.MIGRATE_AT_START,
        seedDemoData: config.SEED_DEMO_DATA,
        requireAdminSecondFactor: config.REQUIRE_ADMIN_SECOND_FACTOR,
        auditTrailDays: config.AUDIT_TRAIL_DAYS,
        ids: uuidV7,
        ...parts,
      }),
  });
});
