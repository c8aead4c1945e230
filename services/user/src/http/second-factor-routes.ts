import * as calls from "@shop/contracts/http/second-factor";
import { done } from "@shop/http/request/answer";
import type { HttpApp } from "@shop/http/server/app";
import { anonymousOrigin, auditOrigin } from "@shop/service/audit-origin";
import type { UserContext } from "../context.ts";
import { readSecondFactor } from "../db/second-factors.ts";
import { beginSecondFactor, removeSecondFactor, renewRecoveryCodes } from "../use-cases/manage-second-factor.ts";
import { refusalOf } from "./refusals.ts";

/** What users do with their own second factor. */
export function secondFactorRoutes(app: HttpApp, context: UserContext): void {
  app.handle(calls.beginSecondFactor, async (call) => {
    const result = await beginSecondFactor(context, call.body, anonymousOrigin(call));
    if (result.kind === "refused") return refusalOf(result);
    return done({ secret: result.secret, uri: result.uri });
  });

  app.handle(calls.removeSecondFactor, async (call) => {
    const result = await removeSecondFactor(context, call.body, anonymousOrigin(call));
    return result.kind === "refused" ? refusalOf(result) : done();
  });

  app.handle(calls.getSecondFactor, async ({ principal, signal }) =>
    done(await readSecondFactor(context.read(signal), principal.id)),
  );

  app.handle(calls.renewRecoveryCodes, async (call) => {
    const given = { userId: call.principal.id, secondFactor: call.body.secondFactor };
    const result = await renewRecoveryCodes(context, given, auditOrigin(call));
    if (result.kind === "refused") return refusalOf(result);
    return done({ recoveryCodes: [...result.recoveryCodes] });
  });
}
