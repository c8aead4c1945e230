import { flag, type SettingRule } from "@shop/runtime/config";
import { databaseSettings, processSettings, tokenSettings } from "@shop/service/settings";
import { z } from "zod";

const { TOKEN_ISSUER, TOKEN_AUDIENCE } = tokenSettings;

/** The settings of the user service, each by its environment variable. */
export const userSettings = {
  ...processSettings("user"),
  ...databaseSettings,
  TOKEN_ISSUER,
  TOKEN_AUDIENCE,
  MAIL_URL: z
    .url({ protocol: /^(?:smtps?|file)$/ })
    .optional()
    .describe(
      "where mails go: smtp://user:password@host:587, smtps://host:465, or file:///folder; none are sent without it",
    ),
  MAIL_FROM: z
    .string()
    .min(3)
    .max(320)
    .optional()
    .describe("whom mails come from, such as Moon Jar <no-reply@shop.example>"),
  PAGES_URL: z
    .url({ protocol: /^https?$/ })
    .optional()
    .describe("where people reach the pages, such as https://shop.example: mails then have a link"),
  REQUIRE_ADMIN_SECOND_FACTOR: flag
    .default(false)
    .describe("true: admins can log in with a second factor only; who has none sets one up at the next login"),
};

interface MailConfig {
  readonly MAIL_URL?: string | undefined;
  readonly MAIL_FROM?: string | undefined;
}

/** What would let mails fail one by one. */
export const mailRules: readonly SettingRule<MailConfig>[] = [
  ({ MAIL_URL, MAIL_FROM }) =>
    (MAIL_URL === undefined) === (MAIL_FROM === undefined)
      ? undefined
      : "MAIL_URL and MAIL_FROM belong together: set both, or none",
];
