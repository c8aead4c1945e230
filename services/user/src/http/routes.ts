import * as calls from "@shop/contracts/http/user";
import { done, problem } from "@shop/http/answer";
import type { HttpApp } from "@shop/http/app";
import type { UserContext } from "../context.ts";
import { logIn } from "../use-cases/log-in.ts";
import { logOut } from "../use-cases/log-out.ts";
import { refreshLogin } from "../use-cases/refresh-login.ts";
import { getMe } from "../use-cases/get-me.ts";
import { signUp } from "../use-cases/sign-up.ts";

/** Readers may keep the keys this long, in seconds; they ask anew for a key id that they do not know. */
const KEYS_MAX_AGE_S = 60;

export function userRoutes(app: HttpApp, context: UserContext): void {
  app.handle(calls.createUser, async ({ body: { username, password, displayName } }) => {
    const result = await signUp(context, { username, password, displayName });
    if (result.kind === "signedUp") return done(result.user);
    if (result.code === "USERNAME_TAKEN") return problem(result.code, `The name ${username} is taken.`);
    const errors = [{ path: "password", message: result.reason }];
    return problem("INVALID_REQUEST", "The password is too easy to guess.", { errors });
  });

  app.handle(calls.login, async ({ body }) => {
    const result = await logIn(context, body);
    if (result.kind === "loggedIn") return done(result.tokens);
    if (result.code === "INVALID_CREDENTIALS") return problem(result.code, "The name or the password is wrong.");
    const retryAfterSeconds = Math.ceil(result.waitMs / 1000);
    return problem(result.code, "Too many failed logins for this name. Sessions that exist go on.", {
      retryAfterSeconds,
    });
  });

  app.handle(calls.refreshLogin, async ({ body, headers }) => {
    const result = await refreshLogin(context, {
      refreshToken: body.refreshToken,
      idempotencyKey: headers["idempotency-key"],
    });
    if (result.kind === "refreshed") return done(result.tokens);
    return problem(result.code, "The refresh token is unknown, expired or spent. Log in again.");
  });

  app.handle(calls.logout, async ({ body }) => {
    await logOut(context, body.refreshToken);
    return done();
  });

  app.handle(calls.getMe, async ({ principal, signal }) => {
    const user = await getMe(context, { userId: principal.id, signal });
    return user ? done(user) : problem("UNAUTHENTICATED", "The user of this token is gone.");
  });

  app.handle(calls.getKeys, () =>
    done(context.accessTokens.keySet(), { "cache-control": `public, max-age=${KEYS_MAX_AGE_S}` }),
  );
}
