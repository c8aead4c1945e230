import { and, desc, eq, gt, lte } from "drizzle-orm";
import type { Database } from "@shop/database/connect";
import { loginFailures } from "./schema.ts";

export interface LoginFailure {
  readonly id: string;
  readonly username: string;
  readonly failedAt: Date;
}

export async function insertLoginFailure(db: Database, failure: LoginFailure): Promise<void> {
  await db.insert(loginFailures).values(failure);
}

/** @returns when the newest `limit` failures after `since` happened, the newest first */
export async function newestLoginFailures(
  db: Database,
  { username, since, limit }: { readonly username: string; readonly since: Date; readonly limit: number },
): Promise<readonly Date[]> {
  const rows = await db
    .select({ failedAt: loginFailures.failedAt })
    .from(loginFailures)
    .where(and(eq(loginFailures.username, username), gt(loginFailures.failedAt, since)))
    .orderBy(desc(loginFailures.failedAt))
    .limit(limit);
  return rows.map(({ failedAt }) => failedAt);
}

export async function deleteLoginFailures(db: Database, upTo: Date): Promise<void> {
  await db.delete(loginFailures).where(lte(loginFailures.failedAt, upTo));
}
