import * as passwordCalls from "@shop/contracts/http/password";
import * as calls from "@shop/contracts/http/user";
import { done, problem } from "@shop/http/request/answer";
import type { HttpApp } from "@shop/http/server/app";
import { anonymousOrigin, auditOrigin } from "@shop/service/audit-origin";
import type { UserContext } from "../context.ts";
import { logIn } from "../use-cases/log-in.ts";
import { logOut } from "../use-cases/log-out.ts";
import { refreshLogin } from "../use-cases/refresh-login.ts";
import { getMe } from "../use-cases/get-me.ts";
import { changePassword } from "../use-cases/change-password.ts";
import { resetPassword } from "../use-cases/reset-password.ts";
import { refusalOf } from "./refusals.ts";
import { signUp } from "../use-cases/sign-up.ts";

/** Readers may keep the keys this long, in seconds; they fetch the keys again for a key id that they do not know. */
const KEYS_MAX_AGE_S = 60;

function weakPassword(path: string, message: string) {
  return problem("INVALID_REQUEST", "The password is too easy to guess.", { errors: [{ path, message }] });
}

export function userRoutes(app: HttpApp, context: UserContext): void {
  app.handle(calls.createUser, async (call) => {
    const { username, password, displayName } = call.body;
    const result = await signUp(context, { username, password, displayName }, anonymousOrigin(call));
    if (result.kind === "signedUp") return done(result.user);
    if (result.code === "USERNAME_TAKEN") return problem(result.code, `The name ${username} is taken.`);
    return weakPassword("password", result.reason);
  });

  app.handle(calls.login, async (call) => {
    const result = await logIn(context, call.body, anonymousOrigin(call));
    if (result.kind === "loggedIn") return done(result.tokens);
    return refusalOf(result);
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
    return user ? done(user) : refusalOf({ code: "UNAUTHENTICATED" });
  });

  app.handle(passwordCalls.changePassword, async (call) => {
    const { id: userId, sessionId } = call.principal;
    const result = await changePassword(context, { userId, sessionId, ...call.body }, auditOrigin(call));
    if (result.kind === "changed") return done();
    if (result.code === "WEAK_PASSWORD") return weakPassword("newPassword", result.reason);
    return refusalOf(result);
  });

  app.handle(passwordCalls.resetPassword, async (call) => {
    const result = await resetPassword(context, call.body, anonymousOrigin(call));
    if (result.kind === "reset") return done();
    if (result.code === "WEAK_PASSWORD") return weakPassword("newPassword", result.reason);
    return refusalOf(result);
  });

  app.handle(calls.getKeys, () =>
    done(context.accessTokens.keySet(), { "cache-control": `public, max-age=${KEYS_MAX_AGE_S}` }),
  );
}
