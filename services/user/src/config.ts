import { wholeNumber } from "@shop/runtime/config";
import { databaseSettings, processSettings, tokenSettings } from "@shop/service/settings";

const { TOKEN_ISSUER, TOKEN_AUDIENCE } = tokenSettings;

/** The settings of the user service, each by its environment variable. */
export const userSettings = {
  ...processSettings("user"),
  ...databaseSettings,
  TOKEN_ISSUER,
  TOKEN_AUDIENCE,
  AUDIT_TRAIL_DAYS: wholeNumber(401, 36_500)
    .optional()
    .describe("how long entries of the audit trail are kept; for ever when it is not set"),
};
