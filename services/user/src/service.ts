import type { MigrationSet } from "@shop/database/migrate";
import { migrationsOf } from "@shop/database/migrations";
import { createTokenVerifier } from "@shop/http/auth/token-verifier";
import { defineService, type Standalone } from "@shop/service/define-service";
import type { UserContext } from "./context.ts";
import { createAccessTokens } from "./credentials/access-tokens.ts";
import { createLoginAttemptLimiter } from "./credentials/login-attempt-limiter.ts";
import { type IsLeaked, loadLeakedPasswords } from "./credentials/leaked-passwords.ts";
import { createPasswords } from "./credentials/passwords.ts";
import { accountRoutes } from "./http/account-routes.ts";
import { secondFactorRoutes } from "./http/second-factor-routes.ts";
import { sessionRoutes } from "./http/session-routes.ts";
import { userRoutes } from "./http/routes.ts";
import type { Mailer } from "./mail/mailer.ts";
import { sendMails } from "./use-cases/send-mails.ts";
import { followSigningKeys, loadSigningKeys, purgeExpired } from "./use-cases/housekeeping.ts";
import { reuseTotal } from "./use-cases/refresh-login.ts";
import { seedDemoUsers } from "./use-cases/seed-demo-users.ts";

interface UserServiceOptions {
  readonly tokenIssuer: string;
  readonly tokenAudience: string;
  /** Whether admins can log in with a second factor only; false by default. */
  readonly requireAdminSecondFactor?: boolean;
  /** Where mails go; without it none is made. */
  readonly mailer?: Mailer | undefined;
  /** Where people reach the pages, for mails. */
  readonly pagesUrl?: string | undefined;
}

const FOLDER = `${import.meta.dir}/../migrations`;
/** What makes the tables of the user service. */
export const MIGRATIONS: readonly MigrationSet[] = migrationsOf(FOLDER);

/** The user service: users, logins, sessions and the keys of access tokens. */
export function createUserService({
  tokenIssuer: issuer,
  tokenAudience: audience,
  requireAdminSecondFactor = false,
  mailer,
  pagesUrl,
}: UserServiceOptions): Standalone<UserContext> {
  return defineService({
    name: "user",
    database: { migrations: FOLDER },
    context(base) {
      const { clock, ids, metrics } = base;
      metrics.counter(reuseTotal);
      let leakedPasswords: Promise<IsLeaked> | undefined;
      return {
        ...base,
        issuer,
        accessTokens: createAccessTokens({ issuer, audience, clock, ids }),
        passwords: createPasswords(clock),
        isLeaked: () => (leakedPasswords ??= loadLeakedPasswords()),
        loginAttempts: createLoginAttemptLimiter(),
        mails: mailer && { pagesUrl },
        needsSecondFactor: (role) => requireAdminSecondFactor && role === "admin",
      };
    },
    // The same verifier as everywhere else; it only has no way to go for the keys.
    verifier: ({ accessTokens, clock, logger }) =>
      createTokenVerifier({
        ...{ jwksUrl: "the keys of this process", issuer, audience, clock, logger },
        fetch: async () => Response.json(accessTokens.keySet()),
      }),
    routes(app, context) {
      userRoutes(app, context);
      accountRoutes(app, context);
      sessionRoutes(app, context);
      secondFactorRoutes(app, context);
    },
    prepare: async (context) => void (await Promise.all([loadSigningKeys(context), context.isLeaked()])),
    seedDemoData: seedDemoUsers,
    background: [
      followSigningKeys,
      purgeExpired,
      ...(mailer === undefined
        ? []
        : [(context: UserContext, signal: AbortSignal) => sendMails(context, mailer, signal)]),
    ],
  });
}
