import type { AuditOrigin } from "@shop/database/audit-trail";
import type { RequestCall } from "@shop/http/request/call";

/** What an audit trail says of who makes a call that needs a token. */
export function auditOrigin(call: RequestCall): AuditOrigin {
  const { id, role } = call.principal;
  return { ...anonymousOrigin(call), actor: { id, role } };
}

/** What an audit trail says of who makes a call that anyone may make. */
export function anonymousOrigin({ c, requestId, clientAddress }: RequestCall): AuditOrigin {
  return { actor: undefined, requestId, userAgent: c.req.header("user-agent"), clientAddress };
}
