import type { AuditEntry } from "@shop/contracts/http/audit";
import { type AuditFilter, listAuditEntries as readAuditEntries } from "@shop/database/audit-trail";
import type { UserContext } from "../context.ts";
import { shownAuditEntry } from "../db/audit.ts";

/** Entries of the audit trail, newest first. */
export async function listAuditEntries(
  { read }: UserContext,
  filter: AuditFilter,
  { signal, ...page }: { readonly afterId: string | undefined; readonly limit: number; readonly signal: AbortSignal },
): Promise<readonly AuditEntry[]> {
  const rows = await readAuditEntries(read(signal), filter, page);
  return rows.map(shownAuditEntry);
}
