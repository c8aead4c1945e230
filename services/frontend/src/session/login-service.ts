import { Problem } from "@shop/contracts/http/problem";
import * as calls from "@shop/contracts/http/user";
import { problem, type ProblemAnswer } from "@shop/http/request/answer";
import type { RequestCall } from "@shop/http/request/call";
import { UnavailableError } from "@shop/http/request/errors";
import { FORWARDED_FOR } from "@shop/http/server/client-address";
import type { UpstreamPool } from "@shop/http/proxy/upstream/pool";
import type { Clock } from "@shop/runtime/clock";
import type { BrowserSession } from "./cookie.ts";

type Opened = { readonly kind: "opened"; readonly session: BrowserSession };

interface Credentials {
  readonly username: string;
  readonly password: string;
  readonly secondFactor?: string | undefined;
}

/** What the frontend asks of the user service, through the gateway, for browsers. Each throws an UnavailableError when there is no answer. */
export interface LoginService {
  logIn(call: RequestCall, credentials: Credentials): Promise<Opened | ProblemAnswer>;
  refresh(call: RequestCall, refreshToken: string): Promise<Opened | ProblemAnswer>;
  logOut(call: RequestCall, refreshToken: string): Promise<void>;
}

interface LoginServiceOptions {
  readonly gateway: UpstreamPool;
  readonly timeoutMs: number;
  readonly clock: Clock;
}

/** An access token is not used in its last seconds, in which it could end on its way: 30 s. */
const SPARE_MS = 30_000;

export function createLoginService({ gateway, timeoutMs, clock }: LoginServiceOptions): LoginService {
  async function post(call: RequestCall, path: string, body: object, headers: Record<string, string> = {}) {
    const { requestId, traceparent, clientAddress } = call;
    const userAgent = call.c.req.header("user-agent");
    try {
      const response = await gateway.send(
        async ({ url, host, fetch: send }, signal) => {
          const all = {
            ...{ "content-type": "application/json", "x-request-id": requestId, traceparent },
            // Of the browser, by which its user knows the session.
            ...(userAgent === undefined ? {} : { "user-agent": userAgent }),
            ...(clientAddress === undefined ? {} : { [FORWARDED_FOR]: clientAddress }),
            ...headers,
          };
          return send(url + path, {
            method: "POST",
            headers: host === undefined ? all : { ...all, host },
            body: JSON.stringify(body),
            signal,
          });
        },
        { repeatable: "idempotency-key" in headers, signal: AbortSignal.timeout(timeoutMs) },
      );
      const text = await response.text();
      return { status: response.status, headers: response.headers, body: text === "" ? undefined : JSON.parse(text) };
    } catch (error) {
      throw new UnavailableError(`the gateway did not answer ${path}`, { cause: error });
    }
  }

  async function open(answer: Promise<Awaited<ReturnType<typeof post>>>): Promise<Opened | ProblemAnswer> {
    const { status, headers, body } = await answer;
    if (status === 200) {
      const { accessToken, refreshToken, expiresIn } = calls.TokenPair.parse(body);
      const accessUntilMs = clock.now() + expiresIn * 1_000 - SPARE_MS;
      return { kind: "opened", session: { accessToken, refreshToken, accessUntilMs } };
    }
    const refusal = Problem.safeParse(body);
    if (!refusal.success || status >= 500) throw new UnavailableError(`the gateway answered a login with ${status}`);
    const { code, detail, errors } = refusal.data;
    const retryAfter = Number(headers.get("retry-after") ?? Number.NaN);
    return problem(code, detail, {
      ...(errors === undefined ? {} : { errors }),
      ...(Number.isInteger(retryAfter) ? { retryAfterSeconds: retryAfter } : {}),
    });
  }

  return {
    logIn: (call, credentials) => open(post(call, calls.login.path, credentials)),
    refresh: (call, refreshToken) =>
      open(
        // The same in each replica: two that exchange the same token at once mean the same exchange, not a theft.
        post(call, calls.refreshLogin.path, { refreshToken }, { "idempotency-key": exchangeKey(refreshToken) }),
      ),
    async logOut(call, refreshToken) {
      const { status } = await post(call, calls.logout.path, { refreshToken });
      if (status !== calls.logout.success.status) throw new UnavailableError(`a logout was answered with ${status}`);
    },
  };
}

function exchangeKey(refreshToken: string): string {
  return `browser-${new Bun.CryptoHasher("sha256").update(refreshToken).digest("hex")}`;
}
