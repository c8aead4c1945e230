import type { Role } from "@shop/contracts/http/define";
import { TokenPair, User } from "@shop/contracts/http/user";
import type { HttpApp } from "@shop/http/server/app";
import { uuidV7 } from "@shop/runtime/ids";
import { createMetrics } from "@shop/runtime/metrics";
import { createStandalone } from "@shop/service/create-service";
import { ManualClock } from "@shop/testing/clock";
import { createTestDatabase } from "@shop/testing/database";
import { eventually } from "@shop/testing/eventually";
import { testIdentity as identity } from "@shop/testing/identity";
import { capturedLogger } from "@shop/testing/logger";
import postgres from "postgres";
import type { Mailer } from "../mail/mailer.ts";
import { createUserService } from "../service.ts";

export const PASSWORD = "a fine password";

export interface Person extends User {
  readonly tokens: TokenPair;
}

export interface Answered {
  readonly status: number;
  /** The JSON of the answer; an empty object without one. */
  readonly body: Readonly<Record<string, unknown>>;
  readonly headers: Headers;
}

/** A user service on a real database, and what tests of accounts do with it. */
export type ServiceUnderTest = Awaited<ReturnType<typeof startUserService>>;

export async function startUserService(options: { readonly mailer?: Mailer; readonly pagesUrl?: string } = {}) {
  const database = await createTestDatabase({ service: "user" });
  const sql = postgres(database.url, { max: 2, onnotice: () => undefined });
  const clock = new ManualClock(Date.now());
  const { logger, lines } = capturedLogger();
  const metrics = createMetrics();
  const parts = { identity, clock, ids: uuidV7, logger, metrics };
  const build = (requireAdminSecondFactor: boolean) =>
    createStandalone(
      createUserService({
        tokenIssuer: "https://shop.test",
        tokenAudience: "shop",
        requireAdminSecondFactor,
        ...options,
      }),
      { databaseUrl: database.url, migrateAtStart: true, seedDemoData: false, ...parts },
    );
  const services = [build(false), build(true)] as const;
  for (const service of services) {
    service.start();
    await eventually(async () => {
      if (!(await service.ready()).ready) throw new Error("not ready");
    });
  }
  let app: HttpApp = services[0].app;

  /** @param token an access token */
  async function call(method: string, path: string, json?: object, token?: string): Promise<Answered> {
    const response = await app.request(path, {
      method,
      headers: {
        "user-agent": "test browser",
        ...(json === undefined ? {} : { "content-type": "application/json" }),
        ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
      },
      ...(json === undefined ? {} : { body: JSON.stringify(json) }),
    });
    const text = await response.text();
    const body = (text === "" ? {} : JSON.parse(text)) as Readonly<Record<string, unknown>>;
    return { status: response.status, body, headers: response.headers };
  }

  const logIn = (username: string, password = PASSWORD, more: object = {}) =>
    call("POST", "/login", { username, password, ...more });

  /** A new user of this role who is logged in. */
  async function person(role: Role = "customer"): Promise<Person> {
    const username = `u-${crypto.randomUUID().slice(0, 20)}`;
    const { body: user } = await call("POST", "/api/users", { username, password: PASSWORD });
    await sql`update users set role = ${role} where username = ${username}`;
    const tokens = TokenPair.parse((await logIn(username)).body);
    return { ...User.parse(user), role, tokens };
  }

  return {
    ...{ sql, clock, lines, url: database.url, parts, call, logIn, person },
    refresh: (refreshToken: string) => call("POST", "/login/refresh", { refreshToken }),
    /** Calls go from now on to a service with this setting, on the same database. */
    requireAdminSecondFactor(isRequired: boolean): void {
      app = services[isRequired ? 1 : 0].app;
    },
    async stop(): Promise<void> {
      await Promise.all(services.map((service) => service.stop()));
      await sql.end();
      await database.drop();
    },
  };
}
