import { fileURLToPath } from "node:url";
import { sql } from "drizzle-orm";
import { connectDatabase } from "@shop/database/connect";
import { isTransient } from "@shop/database/errors";
import { migrate } from "@shop/database/migrate";
import { createApp } from "@shop/http/app";
import { createTokenVerifier } from "@shop/http/token-verifier";
import { backoffMs } from "@shop/runtime/backoff";
import type { Clock } from "@shop/runtime/clock";
import type { IdSource } from "@shop/runtime/ids";
import type { Logger } from "@shop/runtime/logger";
import type { Metrics } from "@shop/runtime/metrics";
import type { Built } from "@shop/service/process";
import type { UserContext } from "./context.ts";
import { createAccessTokens } from "./credentials/access-tokens.ts";
import { createPasswords } from "./credentials/passwords.ts";
import { userRoutes } from "./http/routes.ts";
import { loadSigningKeys, purge } from "./use-cases/keep-house.ts";
import { seedDemoUsers } from "./use-cases/seed-demo-users.ts";

interface UserServiceDependencies {
  readonly databaseUrl: string;
  readonly tokenIssuer: string;
  readonly tokenAudience: string;
  readonly seedDemoData: boolean;
  readonly clock: Clock;
  readonly ids: IdSource;
  readonly logger: Logger;
  readonly metrics: Metrics;
}

const MIGRATIONS = fileURLToPath(new URL("../migrations", import.meta.url));
const START_BACKOFF = { firstMs: 100, maxMs: 1_000 };
const HOUSEKEEPING_EVERY_MS = 60_000;
const READY_CHECK_TIMEOUT_MS = 1_000;

/** Builds the user service: users, logins, sessions and the keys of access tokens. Nothing is opened before `start`. */
export function createUserService(dependencies: UserServiceDependencies): Built {
  const { databaseUrl, tokenIssuer: issuer, tokenAudience: audience, clock, ids, logger, metrics } = dependencies;
  const db = connectDatabase({ url: databaseUrl, applicationName: "user service" });
  const accessTokens = createAccessTokens({ issuer, audience, clock, ids });
  const context: UserContext = { db, accessTokens, passwords: createPasswords(clock), clock, ids, logger, metrics };
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
  let prepared = false;
  let working: Promise<void> | undefined;

  // Before the migrations are through, a failing statement says nothing about the request.
  const isUnavailable = (error: unknown) => !prepared || isTransient(error);
  const app = createApp({ service: "user", logger, clock, metrics, verifier, isUnavailable });
  userRoutes(app, context);

  async function prepare(): Promise<void> {
    for (let attempt = 1; !stopping.signal.aborted; attempt += 1) {
      try {
        await migrate(databaseUrl, MIGRATIONS);
        await loadSigningKeys(context);
        if (dependencies.seedDemoData) await seedDemoUsers(context);
        prepared = true;
        logger.info("ready: the database is migrated and the keys are loaded");
        return;
      } catch (error) {
        // A migration that is wrong is no matter of waiting; the operator must see it at once.
        if (!isTransient(error)) throw error;
        if (attempt === 1 || attempt % 10 === 0) logger.warn("waiting for the database", { attempt, error });
        await clock.sleep(backoffMs(START_BACKOFF, attempt), stopping.signal);
      }
    }
  }

  async function work(): Promise<void> {
    await prepare();
    while (!stopping.signal.aborted) {
      await clock.sleep(HOUSEKEEPING_EVERY_MS, stopping.signal);
      if (stopping.signal.aborted) return;
      try {
        await purge(context);
        await loadSigningKeys(context);
      } catch (error) {
        logger.warn("housekeeping failed; it is tried again in a minute", { error });
      }
    }
  }

  async function databaseCheck(): Promise<string> {
    if (!prepared) return "waiting for the database and its migrations";
    const answered = db.execute(sql`select 1`).then(
      () => "ok",
      (error: unknown) => `does not answer: ${String(error)}`,
    );
    return Promise.race([answered, Bun.sleep(READY_CHECK_TIMEOUT_MS).then(() => "does not answer in time")]);
  }

  return {
    app,
    async ready() {
      const database = await databaseCheck();
      return { ready: database === "ok", checks: { database } };
    },
    start() {
      working ??= work();
    },
    async stop() {
      stopping.abort();
      await working;
      await db.$client.end({ timeout: 2 });
    },
  };
}
