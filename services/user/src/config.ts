import { flag } from "@shop/runtime/config";
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
};
