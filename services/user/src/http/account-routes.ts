import * as calls from "@shop/contracts/http/account";
import * as passwordCalls from "@shop/contracts/http/password";
import * as secondFactorCalls from "@shop/contracts/http/second-factor";
import { toPage } from "@shop/contracts/http/page";
import { done, problem } from "@shop/http/request/answer";
import type { HttpApp } from "@shop/http/server/app";
import { auditOrigin } from "@shop/service/audit-origin";
import type { UserContext } from "../context.ts";
import { findUser, listUsers } from "../db/users.ts";
import { inviteUser } from "../use-cases/invite-user.ts";
import { issuePasswordCode, type PasswordCode } from "../use-cases/issue-password-code.ts";
import { resetSecondFactor } from "../use-cases/manage-second-factor.ts";
import { refusalOf } from "./refusals.ts";
import { changeUser, shownAccount } from "../use-cases/change-user.ts";

const refusals = {
  NOT_FOUND: "There is no such user.",
  FORBIDDEN: "You are not an admin any more. Log in again.",
  LAST_ADMIN: "This is the last admin: make another one first.",
} as const;

const shownCode = ({ code, expiresAt, mailed }: PasswordCode) => ({
  ...{ code, codeExpiresAt: expiresAt.toISOString(), mailed },
});

/** What admins do with the accounts of others. */
export function accountRoutes(app: HttpApp, context: UserContext): void {
  app.handle(calls.listUsers, async ({ query: { limit, cursor, disabled, ...filter }, signal }) => {
    const wanted = { ...filter, ...(disabled && { disabled: disabled === "true" }), afterId: cursor, limit: limit + 1 };
    const rows = await listUsers(context.read(signal), wanted);
    return done(toPage(rows.map(shownAccount), limit));
  });

  app.handle(calls.getUser, async ({ id, signal }) => {
    const user = await findUser(context.read(signal), id);
    return user ? done(shownAccount(user)) : problem("NOT_FOUND", refusals.NOT_FOUND);
  });

  app.handle(calls.changeUser, async (call) => {
    const result = await changeUser(context, call.id, call.body, auditOrigin(call));
    return result.kind === "changed" ? done(result.user) : problem(result.code, refusals[result.code]);
  });

  app.handle(passwordCalls.inviteUser, async (call) => {
    const result = await inviteUser(context, call.body, auditOrigin(call));
    if (result.kind === "invited") {
      const location = `/api/users/${result.user.id}`;
      return done({ user: result.user, ...shownCode(result.code) }, { location });
    }
    if (result.code === "USERNAME_TAKEN") return problem(result.code, `The name ${call.body.username} is taken.`);
    return problem(result.code, refusals[result.code]);
  });

  app.handle(passwordCalls.issuePasswordCode, async (call) => {
    const result = await issuePasswordCode(context, call.id, auditOrigin(call));
    return result.kind === "issued" ? done(shownCode(result.code)) : problem(result.code, refusals[result.code]);
  });

  app.handle(secondFactorCalls.resetSecondFactor, async (call) => {
    const refusal = await resetSecondFactor(context, call.id, auditOrigin(call));
    if (refusal === undefined) return done();
    return refusal === "NOT_FOUND"
      ? problem(refusal, "There is no such user, or they have no second factor.")
      : refusalOf({ code: refusal });
  });
}
