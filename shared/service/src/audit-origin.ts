import type { AuditOrigin } from "@shop/database/audit-trail";
import type { RequestCall } from "@shop/http/call";

/** What an audit trail says of a call that anyone may make. */
export function anonymousOrigin({ c, requestId }: RequestCall): AuditOrigin {
  return { actor: undefined, requestId, userAgent: c.req.header("user-agent") };
}
