import { toPage } from "@shop/contracts/http/page";
import * as calls from "@shop/contracts/http/session";
import { done, problem } from "@shop/http/request/answer";
import type { HttpApp } from "@shop/http/server/app";
import { auditOrigin } from "@shop/service/audit-origin";
import type { UserContext } from "../context.ts";
import { listSessionsOf, type SessionRow } from "../db/sessions.ts";
import { endOwnSession, endOwnSessions } from "../use-cases/end-own-sessions.ts";
import { REFRESH_TOKEN_LIFE_MS } from "../use-cases/token-pair.ts";

/** What users do with their own sessions. */
export function sessionRoutes(app: HttpApp, context: UserContext): void {
  app.handle(calls.listSessions, async ({ query: { limit, cursor }, principal, signal }) => {
    const now = new Date(context.clock.now());
    const page = { now, afterId: cursor, limit: limit + 1 };
    const rows = await listSessionsOf(context.read(signal), principal.id, page);
    return done(
      toPage(
        rows.map((row) => shownSession(row, principal.sessionId)),
        limit,
      ),
    );
  });

  app.handle(calls.endSession, async (call) => {
    const session = { userId: call.principal.id, sessionId: call.id };
    const isEnded = await endOwnSession(context, session, auditOrigin(call));
    return isEnded ? done() : problem("NOT_FOUND", "There is no such session of yours.");
  });

  app.handle(calls.endSessions, async (call) => {
    await endOwnSessions(context, call.principal.id, auditOrigin(call));
    return done();
  });
}

function shownSession(
  { id, createdAt, expiresAt, userAgent }: SessionRow,
  currentId: string | undefined,
): calls.Session {
  // Each refresh gives it a token with a new life.
  const lastUsedAt = new Date(expiresAt.getTime() - REFRESH_TOKEN_LIFE_MS);
  return {
    ...{ id, userAgent, isCurrent: id === currentId },
    createdAt: createdAt.toISOString(),
    lastUsedAt: lastUsedAt.toISOString(),
  };
}
