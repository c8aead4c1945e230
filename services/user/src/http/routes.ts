import { listAuditEntries as listAuditEntriesCall } from "@shop/contracts/http/audit";
import { toPage } from "@shop/contracts/http/page";
import * as calls from "@shop/contracts/http/user";
import { done, problem } from "@shop/http/answer";
import type { HttpApp } from "@shop/http/app";
import { anonymousOrigin } from "@shop/service/audit-origin";
import type { UserContext } from "../context.ts";
import { listAuditEntries } from "../use-cases/list-audit-entries.ts";
import { logIn } from "../use-cases/log-in.ts";
import { logOut } from "../use-cases/log-out.ts";
import { refreshLogin } from "../use-cases/refresh-login.ts";
import { getMe } from "../use-cases/get-me.ts";
import { signUp } from "../use-cases/sign-up.ts";

/** Readers may keep the keys this long, in seconds; they ask anew for a key id that they do not know. */
const KEYS_MAX_AGE_S = 60;

export function userRoutes(app: HttpApp, context: UserContext): void {
  app.handle(calls.createUser, async (call) => {
    const { username, password, displayName } = call.body;
    const result = await signUp(context, { username, password, displayName }, anonymousOrigin(call));
    if (result.kind === "signedUp") return done(result.user);
    if (result.code === "USERNAME_TAKEN") return problem(result.code, `The name ${username} is taken.`);
    const errors = [{ path: "password", message: result.reason }];
    return problem("INVALID_REQUEST", "The password is too easy to guess.", { errors });
  });

  app.handle(calls.login, async (call) => {
    const result = await logIn(context, call.body, anonymousOrigin(call));
    if (result.kind === "loggedIn") return done(result.tokens);
    if (result.code === "ACCOUNT_DISABLED")
      return problem(result.code, "This account is disabled. Ask an admin to enable it.");
    if (result.code === "INVALID_CREDENTIALS") return problem(result.code, "The name or the password is wrong.");
    const retryAfterSeconds = Math.ceil(result.waitMs / 1000);
    return problem(result.code, "Too many failed logins for this name. Sessions that exist go on.", {
      retryAfterSeconds,
    });
  });

  app.handle(calls.refreshLogin, async (call) => {
    const presented = { refreshToken: call.body.refreshToken, idempotencyKey: call.headers["idempotency-key"] };
    const result = await refreshLogin(context, presented, anonymousOrigin(call));
    if (result.kind === "refreshed") return done(result.tokens);
    return problem(result.code, "The refresh token is unknown, expired or spent. Log in again.");
  });

  app.handle(calls.logout, async (call) => {
    await logOut(context, call.body.refreshToken, anonymousOrigin(call));
    return done();
  });

  app.handle(calls.getMe, async ({ principal, signal }) => {
    const user = await getMe(context, { userId: principal.id, signal });
    return user ? done(user) : problem("UNAUTHENTICATED", "The user of this token is gone.");
  });

  app.handle(listAuditEntriesCall, async ({ query, signal }) => {
    const { limit, cursor, from, until, ...filter } = query;
    const times = {
      from: from === undefined ? undefined : new Date(from),
      until: until === undefined ? undefined : new Date(until),
    };
    const page = { afterId: cursor, limit: limit + 1, signal };
    return done(toPage(await listAuditEntries(context, { ...filter, ...times }, page), limit));
  });

  app.handle(calls.getKeys, () =>
    done(context.accessTokens.keySet(), { "cache-control": `public, max-age=${KEYS_MAX_AGE_S}` }),
  );
}
