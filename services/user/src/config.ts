import { flag, wholeNumber } from "@shop/runtime/config";
import { databaseSettings, processSettings, tokenSettings } from "@shop/service/settings";

const { TOKEN_ISSUER, TOKEN_AUDIENCE } = tokenSettings;

/** The settings of the user service, each by its environment variable. */
export const userSettings = {
  ...processSettings("user"),
  ...databaseSettings,
  TOKEN_ISSUER,
  TOKEN_AUDIENCE,
  REQUIRE_ADMIN_SECOND_FACTOR: flag
    .default(false)
    .describe("true: admins can log in with a second factor only; who has none sets one up at the next login"),
  AUDIT_TRAIL_DAYS: wholeNumber(401, 36_500)
    .optional()
    .describe("how long entries of the audit trail are kept; for ever when it is not set"),
};
