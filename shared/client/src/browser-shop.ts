import { browserSession } from "./authentication.ts";
import { callsOf, type Shop, type ShopOptions, transportOf } from "./shop.ts";

/**
 * The shop as a page of its frontend uses it: the session is a cookie that no script can read, which the frontend gives, refreshes and takes away.
 * Calls go to the site that the page comes from.
 */
export function connectBrowser(options: Omit<ShopOptions, "baseUrl">): Shop {
  const here = { ...options, baseUrl: "" };
  const { login: _login, refreshLogin: _refreshLogin, logout: _logout, ...calls } = callsOf(here, browserSession);
  // A second attempt to log out would have no cookie any more to tell which session is meant.
  const send = transportOf({ ...here, attempts: 1 }, browserSession);
  const session = { path: "/session", signal: undefined, stream: false };
  return {
    ...calls,
    async logIn(username, password, secondFactor) {
      const headers = { "content-type": "application/json" };
      await send({ ...session, method: "POST", headers, body: JSON.stringify({ username, password, secondFactor }) });
    },
    async logOut() {
      // A page that is left at once would abort it, and its session stay open.
      await send({ ...session, method: "DELETE", headers: {}, body: undefined, keepalive: true });
    },
  };
}
