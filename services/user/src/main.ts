import { loadConfig } from "@shop/runtime/config";
import { uuidV7 } from "@shop/runtime/ids";
import { runMain, runProcess } from "@shop/service/process";
import { databaseRules, databaseSettings, processSettings, tokenSettings } from "@shop/service/settings";
import { createUserService } from "./service.ts";

const { TOKEN_ISSUER, TOKEN_AUDIENCE } = tokenSettings;

runMain(() => {
  const config = loadConfig(
    { ...processSettings("user"), ...databaseSettings, TOKEN_ISSUER, TOKEN_AUDIENCE },
    process.env,
    { rules: databaseRules },
  );
  runProcess({
    name: "user",
    settings: config,
    build: (parts) =>
      createUserService({
        databaseUrl: config.DATABASE_URL,
        tokenIssuer: config.TOKEN_ISSUER,
        tokenAudience: config.TOKEN_AUDIENCE,
        migrateAtStart: config.MIGRATE_AT_START,
        seedDemoData: config.SEED_DEMO_DATA,
        ids: uuidV7,
        ...parts,
      }),
  });
});
