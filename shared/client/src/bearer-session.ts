import type { TokenPair } from "@shop/contracts/http/user";
import type { Clock } from "@shop/runtime/clock";
import type { Authentication } from "./authentication.ts";
import type { Calls } from "./calls.ts";
import { isProblem } from "./problem-error.ts";

/** The tokens of a session, to be kept over a restart. Anyone who has them is the user: keep them as a password. */
export interface Tokens {
  readonly accessToken: string;
  readonly refreshToken: string;
  /** When the access token ends, in milliseconds since the epoch. */
  readonly expiresAt: number;
}

/** Where tokens are kept beside the memory. */
export interface TokenStore {
  load(): Tokens | undefined;
  /** Called with each new pair, and with undefined when the session has ended. */
  save(tokens: Tokens | undefined): void;
}

export interface BearerSession extends Authentication {
  logIn(username: string, password: string, secondFactor?: string): Promise<void>;
  logOut(): Promise<void>;
}

interface BearerSessionOptions {
  readonly calls: Pick<Calls, "login" | "refreshLogin" | "logout">;
  readonly clock: Clock;
  readonly store: TokenStore | undefined;
}

/** How long before its end an access token is exchanged, in milliseconds, so that it does not end on its way. */
const REFRESH_AHEAD_MS = 30_000;

/** A session by access and refresh token. Of calls that find the token at its end together, one refreshes it and all wait for that. */
export function bearerSession({ calls, clock, store }: BearerSessionOptions): BearerSession {
  let tokens = store?.load();
  let refreshing: Promise<void> | undefined;

  function keep(next: Tokens | undefined): void {
    tokens = next;
    store?.save(next);
  }
  const take = ({ accessToken, refreshToken, expiresIn }: TokenPair) =>
    keep({ accessToken, refreshToken, expiresAt: clock.now() + expiresIn * 1_000 });

  async function exchange({ refreshToken }: Tokens): Promise<void> {
    try {
      take(await calls.refreshLogin({ refreshToken }));
    } catch (error) {
      if (isProblem(error, "INVALID_REFRESH_TOKEN")) keep(undefined);
      throw error;
    }
  }

  function refresh(held: Tokens): Promise<void> {
    refreshing ??= exchange(held).finally(() => {
      refreshing = undefined;
    });
    return refreshing;
  }

  const headersOf = (held: Tokens | undefined): Readonly<Record<string, string>> =>
    held === undefined ? {} : { authorization: `Bearer ${held.accessToken}` };

  return {
    async prepare() {
      if (tokens !== undefined && clock.now() >= tokens.expiresAt - REFRESH_AHEAD_MS) await refresh(tokens);
      return { headers: headersOf(tokens) };
    },
    async refused(headers) {
      if (tokens === undefined) return false;
      // Another call has refreshed them meanwhile.
      if (headers["authorization"] !== headersOf(tokens)["authorization"]) return true;
      await refresh(tokens);
      return true;
    },
    async logIn(username, password, secondFactor) {
      take(await calls.login({ username, password, secondFactor }));
    },
    async logOut() {
      const held = tokens;
      keep(undefined);
      if (held !== undefined) await calls.logout({ refreshToken: held.refreshToken });
    },
  };
}
