/**
 * Whether a page of this very site made the request. Browsers say so in `Sec-Fetch-Site`, old ones in `Origin`, and no page can forge either.
 * A request that says neither is no browser's: it has no business with a session cookie.
 */
export function isSameOrigin(headers: Headers): boolean {
  const site = headers.get("sec-fetch-site");
  if (site !== null) return site === "same-origin";
  const origin = headers.get("origin");
  // Only the host: TLS may have ended in front of this process, which then sees http.
  return origin !== null && URL.canParse(origin) && new URL(origin).host === headers.get("host");
}

/**
 * Whether another site's page, or another host of this site, made the request: it gets nothing that belongs to a session, reading included. A person who
 * follows a link or enters an address is no such page; nor is a client that tells nothing about itself.
 */
export function isFromElsewhere(headers: Headers): boolean {
  const site = headers.get("sec-fetch-site");
  return site === "cross-site" || site === "same-site";
}
