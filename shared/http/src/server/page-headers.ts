interface PageHeaderOptions {
  /** Whether the page's scripts write HTML. What they write must be harmless by itself, such as cleaned by a library. */
  readonly writesHtml?: boolean;
}

/**
 * For every page: scripts, styles and calls of this host only, nothing inline, and no other site may frame it. Texts become DOM nodes, never HTML:
 * unless the page says that it writes HTML, the browser refuses any that would be parsed (trusted types).
 */
export function pageHeaders({ writesHtml = false }: PageHeaderOptions = {}): Record<string, string> {
  return {
    "content-security-policy": [
      "default-src 'none'",
      "script-src 'self'",
      "style-src 'self'",
      "connect-src 'self'",
      "img-src 'self' data:",
      "base-uri 'none'",
      "form-action 'none'",
      "frame-ancestors 'none'",
      ...(writesHtml ? [] : ["require-trusted-types-for 'script'", "trusted-types 'none'"]),
    ].join("; "),
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=(), payment=()",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    "cache-control": "no-store",
  };
}
