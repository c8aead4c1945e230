import { type Clock, systemClock } from "@shop/runtime/clock";
import { type Authentication, nobody } from "./authentication.ts";
import { bearerSession, type TokenStore } from "./bearer-session.ts";
import type { CallName, Calls, VersionedCallOptions, WatchOptions } from "./calls.ts";
import { followEvents } from "./follow-events.ts";
import { type EndpointRoute, routes } from "./routes.ts";
import { type AnswerListener, createTransport, type Fetch, type Transport } from "./transport.ts";

export interface ShopOptions {
  /** Where the shop is, without a slash at the end; empty for the site that a page comes from. */
  readonly baseUrl: string;
  readonly fetch?: Fetch;
  readonly clock?: Clock;
  /** How often a call is made at most, when it can be repeated safely; 4 by default. */
  readonly attempts?: number;
  /** How long an attempt waits for its answer, in milliseconds; 10,000 by default. */
  readonly answerWithinMs?: number;
  readonly onAnswer?: AnswerListener;
}

/** Every call of the API, made by somebody who says who they are in this way. */
export function callsOf(options: ShopOptions, authentication: Authentication): Calls {
  const { clock = systemClock } = options;
  const send = transportOf(options, authentication);
  const names = Object.keys(routes) as readonly CallName[];
  const calls: Partial<Record<CallName, unknown>> = {};
  for (const name of names) calls[name] = callOf(routes[name], send, clock);
  // Their types are those of the contract, which the routes are generated from.
  return calls as Calls;
}

/** Requests to this shop, made by somebody who says who they are in this way. */
export function transportOf(options: ShopOptions, authentication: Authentication): Transport {
  const { baseUrl, clock = systemClock, attempts = 4, answerWithinMs = 10_000, onAnswer } = options;
  return createTransport({
    ...{ baseUrl, clock, attempts, answerWithinMs, onAnswer, authentication },
    fetch: options.fetch ?? ((url, init) => fetch(url, init)),
  });
}

/** A shop and a session with it. */
export interface Shop extends Omit<Calls, "login" | "refreshLogin" | "logout"> {
  /**
   * @param secondFactor a code of the authenticator app or a recovery code, of a user who has a second factor
   * @throws ProblemError INVALID_CREDENTIALS, SECOND_FACTOR_REQUIRED, INVALID_SECOND_FACTOR, TOO_MANY_FAILED_LOGINS
   */
  logIn(username: string, password: string, secondFactor?: string): Promise<void>;
  /** Ends the session, here and at the shop. */
  logOut(): Promise<void>;
}

export interface ConnectOptions extends ShopOptions {
  /** Where tokens are kept beside the memory. */
  readonly store?: TokenStore;
}

/** Connects to a shop. Tokens are kept in memory, and in `store` if there is one; they are refreshed without the caller noticing. */
export function connectShop(options: ConnectOptions): Shop {
  const { clock = systemClock, store } = options;
  const { logIn, logOut, ...authentication } = bearerSession({ calls: callsOf(options, nobody), clock, store });
  const { login: _login, refreshLogin: _refreshLogin, logout: _logout, ...calls } = callsOf(options, authentication);
  return { ...calls, logIn, logOut };
}

type Given = readonly unknown[];

/** One call as a function: `(id?, body or query?, options?)`, as far as it takes them. */
function callOf({ method, path, takes, stream, key, version }: EndpointRoute, send: Transport, clock: Clock) {
  const hasId = path.includes("{id}");
  const pathFor = (given: Given) => (hasId ? path.replace("{id}", encodeURIComponent(String(given[0]))) : path);
  const behindId = hasId ? 1 : 0;
  if (stream) {
    return (...given: Given) =>
      followEvents({ ...(given[behindId] as WatchOptions | undefined), send, clock, path: pathFor(given) });
  }
  return async (...given: Given): Promise<unknown> => {
    const content = takes === "nothing" ? undefined : given[behindId];
    const {
      signal,
      ifVersion,
      idempotencyKey = crypto.randomUUID(),
    } = (given[behindId + (takes === "nothing" ? 0 : 1)] ?? {}) as VersionedCallOptions;
    const { text } = await send({
      method,
      path: pathFor(given) + (takes === "query" ? queryOf(content as Query | undefined) : ""),
      headers: {
        ...(takes === "body" ? { "content-type": "application/json" } : {}),
        ...(key ? { "idempotency-key": idempotencyKey } : {}),
        ...(version && ifVersion !== undefined ? { "if-match": `"${ifVersion}"` } : {}),
      },
      body: takes === "body" ? JSON.stringify(content) : undefined,
      signal,
      stream: false,
    });
    return text === "" ? undefined : JSON.parse(text);
  };
}

type Query = Readonly<Record<string, string | number | undefined>>;

function queryOf(query: Query = {}): string {
  const parameters = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) if (value !== undefined) parameters.set(name, String(value));
  return parameters.size === 0 ? "" : `?${parameters.toString()}`;
}
