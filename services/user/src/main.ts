import { loadConfig } from "@shop/runtime/config";
import { runMain } from "@shop/service/process";
import { runService } from "@shop/service/run";
import { databaseRules } from "@shop/service/settings";
import { mailRules, userSettings } from "./config.ts";
import { createMailer } from "./mail/mailer.ts";
import { createUserService } from "./service.ts";

runMain(() => {
  const config = loadConfig(userSettings, process.env, { rules: [...databaseRules, ...mailRules] });
  const { TOKEN_ISSUER: tokenIssuer, TOKEN_AUDIENCE: tokenAudience } = config;
  const requireAdminSecondFactor = config.REQUIRE_ADMIN_SECOND_FACTOR;
  const service = createUserService({ tokenIssuer, tokenAudience, requireAdminSecondFactor, ...mailOf(config) });
  return runService(service, process.env);
});

function mailOf(config: {
  readonly MAIL_URL?: string | undefined;
  readonly MAIL_FROM?: string | undefined;
  readonly PAGES_URL?: string | undefined;
}) {
  const { MAIL_URL: url, MAIL_FROM: from, PAGES_URL } = config;
  return {
    ...(url === undefined || from === undefined ? {} : { mailer: createMailer({ url, from }) }),
    pagesUrl: PAGES_URL?.replace(/\/+$/, ""),
  };
}
