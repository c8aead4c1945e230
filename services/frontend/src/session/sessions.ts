import { allEndpoints } from "@shop/contracts/http/endpoints";
import { defineEndpoint } from "@shop/contracts/http/define";
import { login } from "@shop/contracts/http/user";
import type { AdmissionControl } from "@shop/http/server/admission";
import { done, problem, type ProblemAnswer, problemResponse } from "@shop/http/request/answer";
import type { HttpApp } from "@shop/http/server/app";
import type { RequestCall } from "@shop/http/request/call";
import { UnavailableError } from "@shop/http/request/errors";
import { createRouteTable } from "@shop/http/server/routes";
import type { Clock } from "@shop/runtime/clock";
import type { Logger } from "@shop/runtime/logger";
import type { BrowserSession, SessionCookies } from "./cookie.ts";
import type { LoginService } from "./login-service.ts";
import { createRefreshOnce } from "./refresh-once.ts";
import { isFromElsewhere, isSameOrigin } from "./same-origin.ts";

interface SessionsOptions {
  readonly cookies: SessionCookies;
  readonly logins: LoginService;
  /** Each login, refresh and logout is work of the user service: it waits in the same admission as a forwarded call. */
  readonly admission: AdmissionControl;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** Who a forwarded call is made for. */
interface Authorized {
  /** What goes to the gateway as `Authorization`; undefined leaves the caller's own. */
  readonly authorization: string | undefined;
  /** What the browser is to keep or forget from now on. */
  readonly setCookie: string | undefined;
  /** The same after a 401 for this token: the next call refreshes. There is none without a token. */
  readonly setCookieIfRefused?: () => string;
}

export interface Sessions {
  /** `POST /session` and `DELETE /session`. */
  routes(app: HttpApp): void;
  /**
   * The browser's session as a token for the gateway, refreshed when it is time. A caller with an `Authorization` of their own is left alone. A call that
   * another site's page caused is made without the session.
   * @returns a 403 when another site's page caused a call that changes something, or a 503 when the session must be refreshed and more calls wait than
   * can be answered
   * @throws UnavailableError when the session must be refreshed and cannot be now
   */
  authorize(call: RequestCall): Promise<Authorized | Response>;
}

const openSession = defineEndpoint({
  name: "openSession",
  service: "user",
  method: "POST",
  path: "/session",
  summary: "Log this browser in",
  access: "anyone",
  body: login.body,
  success: { status: 204, schema: undefined },
});

const openCalls = createRouteTable();
for (const { method, path, access } of allEndpoints) if (access === "anyone") openCalls.add(method, path);

const nobody: Authorized = { authorization: undefined, setCookie: undefined };
const crossSite = problem("FORBIDDEN", "Another site's page made this call; a session is for our own pages.");
const sessionNotEnded = problem(
  "UNAVAILABLE",
  "This browser is logged out. The session itself could not be ended now.",
);
const SAFE_METHODS = ["GET", "HEAD", "OPTIONS"];

export function createSessions({ cookies, logins, admission, clock, logger }: SessionsOptions): Sessions {
  const refreshOnce = createRefreshOnce<Awaited<ReturnType<LoginService["refresh"]>>>(clock);
  const sessionOf = ({ c }: RequestCall) => cookies.read(c.req.raw.headers.get("cookie"));

  const authorized = (session: BrowserSession, setCookie: string | undefined): Authorized => ({
    authorization: `Bearer ${session.accessToken}`,
    setCookie,
    setCookieIfRefused: () => cookies.keep({ ...session, accessUntilMs: 0 }),
  });

  /** What `work` gives, or the refusal when there is no room for one more call that waits. */
  async function admitted<Value>(work: () => Promise<Value>): Promise<Value | ProblemAnswer> {
    if (!admission.hasRoom()) return admission.refuse();
    const answered = admission.enter();
    return work().finally(answered);
  }

  async function closeSession(call: RequestCall): Promise<Response> {
    if (!isSameOrigin(call.c.req.raw.headers)) return problemResponse(call.c, crossSite);
    const session = sessionOf(call);
    const headers = { "set-cookie": cookies.forget, "cache-control": "no-store" };
    const notEnded = () => problemResponse(call.c, sessionNotEnded, headers);
    try {
      if (session === undefined) return new Response(null, { status: 204, headers });
      const refused = await admitted(() => logins.logOut(call, session.refreshToken));
      return refused === undefined ? new Response(null, { status: 204, headers }) : notEnded();
    } catch (error) {
      if (!(error instanceof UnavailableError)) throw error;
      // Anyone who leaves a shared computer is logged out there in any case: only this cookie knows the tokens.
      logger.warn("LOGOUT_SESSION_NOT_ENDED", "a browser was logged out, but its session could not be ended", {
        requestId: call.requestId,
        reason: error.explanation,
      });
      return notEnded();
    }
  }

  return {
    routes(app) {
      app.handle(openSession, async (call) => {
        if (!isSameOrigin(call.c.req.raw.headers)) return crossSite;
        const result = await admitted(() => logins.logIn(call, call.body));
        if (result.kind === "problem") return result;
        return done(undefined, { "set-cookie": cookies.keep(result.session) });
      });
      app.raw({ method: "DELETE", path: openSession.path, access: "anyone" }, closeSession);
    },

    async authorize(call) {
      const { raw, path, method } = call.c.req;
      if (raw.headers.has("authorization") || openCalls.has(method, path)) return nobody;
      const session = sessionOf(call);
      if (session === undefined) return nobody;
      const isSafe = SAFE_METHODS.includes(method);
      if (!isSafe && !isSameOrigin(raw.headers)) return problemResponse(call.c, crossSite);
      if (isSafe && isFromElsewhere(raw.headers)) return nobody;
      if (clock.now() < session.accessUntilMs) return authorized(session, undefined);
      const { refreshToken } = session;
      const result = await admitted(() =>
        refreshOnce(refreshToken, async () => {
          const exchanged = await logins.refresh(call, refreshToken);
          // Such as too many calls at once: the session is as good as before, and the next call is free to try.
          if (exchanged.kind === "problem" && exchanged.code !== "INVALID_REFRESH_TOKEN")
            throw new UnavailableError(`a refresh was refused: ${exchanged.code}`);
          return exchanged;
        }),
      );
      if (result.kind === "problem") {
        if (result.code !== "INVALID_REFRESH_TOKEN") return problemResponse(call.c, result);
        return { ...nobody, setCookie: cookies.forget };
      }
      return authorized(result.session, cookies.keep(result.session));
    },
  };
}
