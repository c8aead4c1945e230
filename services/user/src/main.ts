import { loadConfig } from "@shop/runtime/config";
import { runMain } from "@shop/service/process";
import { runService } from "@shop/service/run";
import { databaseRules } from "@shop/service/settings";
import { userSettings } from "./config.ts";
import { createUserService } from "./service.ts";

runMain(() => {
  const config = loadConfig(userSettings, process.env, { rules: databaseRules });
  const { TOKEN_ISSUER: tokenIssuer, TOKEN_AUDIENCE: tokenAudience } = config;
  const requireAdminSecondFactor = config.REQUIRE_ADMIN_SECOND_FACTOR;
  return runService(createUserService({ tokenIssuer, tokenAudience, requireAdminSecondFactor }), process.env);
});
