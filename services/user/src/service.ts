import type { DatabaseDriver } from "@shop/database/driver";
import type { MigrationSet } from "@shop/database/migrate";
import { createApp } from "@shop/http/server/app";
import type { Readiness } from "@shop/http/server/management";
import { createTokenVerifier } from "@shop/http/auth/token-verifier";
import type { Clock } from "@shop/runtime/clock";
import type { Identity } from "@shop/runtime/identity";
import type { IdSource } from "@shop/runtime/ids";
import type { Logger } from "@shop/runtime/logger";
import type { Metrics } from "@shop/runtime/metrics";
import { auditExports, auditRoutes } from "@shop/service/audit-routes";
import type { Tracing } from "@shop/runtime/tracing";
import { healthRoute } from "@shop/service/health";
import type { ServiceRuntime } from "@shop/service/process";
import { ownDatabase } from "@shop/service/own-database";
import type { UserContext } from "./context.ts";
import { createAccessTokens } from "./credentials/access-tokens.ts";
import { createLoginAttemptLimiter } from "./credentials/login-attempt-limiter.ts";
import { type IsLeaked, loadLeakedPasswords } from "./credentials/leaked-passwords.ts";
import { createPasswords } from "./credentials/passwords.ts";
import { accountRoutes } from "./http/account-routes.ts";
import { secondFactorRoutes } from "./http/second-factor-routes.ts";
import { sessionRoutes } from "./http/session-routes.ts";
import { userRoutes } from "./http/routes.ts";
import { loadSigningKeys, purge } from "./use-cases/housekeeping.ts";
import { reuseTotal } from "./use-cases/refresh-login.ts";
import { seedDemoUsers } from "./use-cases/seed-demo-users.ts";

interface UserServiceDependencies {
  readonly databaseUrl: string;
  /** As `migrationUrl` of `ownDatabase`. */
  readonly migrationDatabaseUrl?: string | undefined;
  /** PostgreSQL's by default. */
  readonly driver?: DatabaseDriver;
  readonly tokenIssuer: string;
  readonly tokenAudience: string;
  /** Whether it migrates its database itself; otherwise it waits until someone else has. */
  readonly migrateAtStart: boolean;
  readonly seedDemoData: boolean;
  /** How long entries of the audit trail are kept; indefinitely by default. */
  readonly auditTrailDays?: number | undefined;
  /** Whether admins can log in with a second factor only; false by default. */
  readonly requireAdminSecondFactor?: boolean;
  readonly identity: Identity;
  readonly clock: Clock;
  readonly ids: IdSource;
  readonly logger: Logger;
  readonly metrics: Metrics;
  /** Given where traces are exported. */
  readonly tracing?: Tracing | undefined;
}

/** What makes the tables of the user service. */
export const MIGRATIONS: readonly MigrationSet[] = [{ folder: `${import.meta.dir}/../migrations` }];
const HOUSEKEEPING_EVERY_MS = 60_000;
/** Much less than a key is shown before it is used: a look or two may fail. */
const LOOK_FOR_KEYS_EVERY_MS = 10_000;

/** Builds the user service: users, logins, sessions and the keys of access tokens. Nothing is opened before `start`. */
export function createUserService(dependencies: UserServiceDependencies): ServiceRuntime {
  const { databaseUrl, migrateAtStart, tokenIssuer: issuer, tokenAudience: audience } = dependencies;
  const { identity, clock, ids, logger, metrics, tracing } = dependencies;
  const database = ownDatabase({
    name: "user",
    url: databaseUrl,
    migrationUrl: dependencies.migrationDatabaseUrl,
    ...(dependencies.driver && { driver: dependencies.driver }),
    migrations: MIGRATIONS,
    migrateAtStart,
    clock,
    logger,
    metrics,
  });
  const { db, read } = database;
  metrics.counter(reuseTotal);
  const accessTokens = createAccessTokens({ issuer, audience, clock, ids });
  const [passwords, loginAttempts] = [createPasswords(clock), createLoginAttemptLimiter()];
  let leakedPasswords: Promise<IsLeaked> | undefined;
  const isLeaked = () => (leakedPasswords ??= loadLeakedPasswords());
  const { requireAdminSecondFactor = false } = dependencies;
  const context: UserContext = {
    ...{ db, read, accessTokens, passwords, isLeaked, loginAttempts, issuer, clock, ids, logger, metrics },
    needsSecondFactor: (role) => requireAdminSecondFactor && role === "admin",
  };
  // The same verifier as everywhere else; it only has no way to go for the keys.
  const verifier = createTokenVerifier({
    jwksUrl: "the keys of this process",
    issuer,
    audience,
    clock,
    logger,
    fetch: async () => Response.json(accessTokens.keySet()),
  });
  const stopping = new AbortController();
  let working: Promise<void> | undefined;

  const { isUnavailable, isStarting } = database;
  const onExport = auditExports({ db, clock, ids });
  const app = createApp({
    service: "user",
    logger,
    clock,
    metrics,
    tracing,
    verifier,
    onExport,
    isUnavailable,
    isStarting,
  });
  userRoutes(app, context);
  accountRoutes(app, context);
  sessionRoutes(app, context);
  secondFactorRoutes(app, context);
  auditRoutes(app, { service: "user", read });

  async function ready(): Promise<Readiness> {
    const answer = await database.check();
    return { ready: answer === "ok", checks: { database: answer } };
  }
  healthRoute(app, { service: "user", identity, clock, ready });

  async function work(): Promise<void> {
    await database.prepare(stopping.signal, async () => {
      await Promise.all([loadSigningKeys(context), isLeaked()]);
      if (dependencies.seedDemoData) await seedDemoUsers(context);
    });
    let purgedAtMs = clock.elapsed();
    while (!stopping.signal.aborted) {
      await clock.sleep(LOOK_FOR_KEYS_EVERY_MS, stopping.signal);
      if (stopping.signal.aborted) return;
      try {
        await loadSigningKeys(context);
        if (clock.elapsed() - purgedAtMs < HOUSEKEEPING_EVERY_MS) continue;
        purgedAtMs = clock.elapsed();
        await purge(context, dependencies.auditTrailDays);
      } catch (error) {
        logger.warn("HOUSEKEEPING_FAILED", "housekeeping failed; retrying in ten seconds, or in a minute", { error });
      }
    }
  }

  return {
    app,
    ready,
    start() {
      working ??= work();
    },
    async stop() {
      stopping.abort();
      await working;
      await database.close();
    },
  };
}
