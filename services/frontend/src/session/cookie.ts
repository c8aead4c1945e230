/** What a browser keeps of a session, in a cookie that its scripts cannot read. */
export interface BrowserSession {
  readonly refreshToken: string;
  readonly accessToken: string;
  /** When the access token is not to be used any more, in milliseconds since the epoch. */
  readonly accessUntilMs: number;
}

export interface SessionCookies {
  /** The session of a request's `Cookie` header; undefined when there is none, or none of ours. */
  read(cookieHeader: string | null): BrowserSession | undefined;
  /** The `Set-Cookie` that keeps a session. */
  keep(session: BrowserSession): string;
  /** The `Set-Cookie` that forgets it. */
  readonly forget: string;
}

/** As long as a refresh token that nobody uses lives, in seconds: 30 days. The user service decides; this only says when the browser may forget. */
const KEPT_FOR_S = 30 * 24 * 3_600;
/** Refresh token, time of the access token's end, access token. The parts of both tokens are joined by dots, too: those of the access token, a JWT, are three. */
const VALUE = /^(?<refresh>[\w-][\w.-]{0,499})\.(?<until>\d{1,16})\.(?<access>[\w-]+\.[\w-]+\.[\w-]+)$/;

/**
 * One cookie holds both tokens, so that they never disagree. It goes to this host only and never with a request that another site caused.
 * @param secure whether browsers come by https: then it never goes over plain http, and no other host of the domain can set it (`__Host-`)
 */
export function createSessionCookies({ secure }: { readonly secure: boolean }): SessionCookies {
  const name = secure ? "__Host-session" : "session";
  const attributes = `Path=/; HttpOnly; SameSite=Strict${secure ? "; Secure" : ""}`;
  return {
    read(cookieHeader) {
      const value = cookieOf(cookieHeader, name);
      const { refresh, until, access } = VALUE.exec(value ?? "")?.groups ?? {};
      if (refresh === undefined || until === undefined || access === undefined) return undefined;
      return { refreshToken: refresh, accessUntilMs: Number(until), accessToken: access };
    },
    keep: ({ refreshToken, accessUntilMs, accessToken }) =>
      `${name}=${refreshToken}.${accessUntilMs}.${accessToken}; Max-Age=${KEPT_FOR_S}; ${attributes}`,
    forget: `${name}=; Max-Age=0; ${attributes}`,
  };
}

/** The value of a cookie by its name; of several with that name the first, as the browser puts the most specific first. */
export function cookieOf(cookieHeader: string | null, name: string): string | undefined {
  const prefix = `${name}=`;
  for (const part of (cookieHeader ?? "").split(";")) {
    const pair = part.trim();
    if (pair.startsWith(prefix)) return pair.slice(prefix.length);
  }
  return undefined;
}
