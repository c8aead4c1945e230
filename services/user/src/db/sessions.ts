import { and, eq, inArray, isNull, lt, lte } from "drizzle-orm";
import type { Role } from "@shop/contracts/http/define";
import type { Database, Transaction } from "@shop/database/connect";
import { refreshTokens, sessions, users } from "./schema.ts";

interface NewToken {
  readonly tokenHash: Buffer;
  readonly sessionId: string;
  readonly expiresAt: Date;
}

export interface PresentedToken {
  readonly sessionId: string;
  readonly userId: string;
  readonly role: Role;
  readonly expiresAt: Date;
  readonly spentAt: Date | null;
  readonly successorSeed: Buffer | null;
}

export async function insertSession(
  tx: Transaction,
  session: { readonly userId: string; readonly createdAt: Date },
  { sessionId, tokenHash, expiresAt }: NewToken,
): Promise<void> {
  await tx.insert(sessions).values({ id: sessionId, ...session, expiresAt });
  await tx.insert(refreshTokens).values({ tokenHash, sessionId, expiresAt });
}

/**
 * Finds a refresh token and locks its session, under whose lock all its tokens are read and changed. Of two that present
 * the same token at once, the second waits here and then sees what the first has made of it.
 */
export async function lockPresentedToken(tx: Transaction, tokenHash: Buffer): Promise<PresentedToken | undefined> {
  const [session] = await tx
    .select({ sessionId: sessions.id, userId: users.id, role: users.role })
    .from(refreshTokens)
    .innerJoin(sessions, eq(sessions.id, refreshTokens.sessionId))
    .innerJoin(users, eq(users.id, sessions.userId))
    .where(eq(refreshTokens.tokenHash, tokenHash))
    .for("update", { of: sessions });
  if (session === undefined) return undefined;
  // A statement of its own, so that it sees what was committed while the first one waited.
  const [token] = await tx
    .select({
      expiresAt: refreshTokens.expiresAt,
      spentAt: refreshTokens.spentAt,
      successorSeed: refreshTokens.successorSeed,
    })
    .from(refreshTokens)
    .where(eq(refreshTokens.tokenHash, tokenHash));
  return token && { ...session, ...token };
}

interface SpentToken {
  readonly tokenHash: Buffer;
  readonly spentAt: Date;
  readonly successorSeed: Buffer | null;
}

/** Spends one token of a session and gives the session its next one. Those that have ended by time are no good to anybody, a thief among them, and are forgotten. */
export async function replaceToken(
  tx: Transaction,
  { tokenHash: spentHash, spentAt, successorSeed }: SpentToken,
  next: NewToken,
): Promise<void> {
  const { sessionId, tokenHash, expiresAt } = next;
  await tx
    .delete(refreshTokens)
    .where(and(eq(refreshTokens.sessionId, sessionId), lte(refreshTokens.expiresAt, spentAt)));
  await tx.update(refreshTokens).set({ spentAt, successorSeed }).where(eq(refreshTokens.tokenHash, spentHash));
  await tx.insert(refreshTokens).values({ tokenHash, sessionId, expiresAt });
  await tx.update(sessions).set({ expiresAt }).where(eq(sessions.id, sessionId));
}

/** Whether a session has this token and it has not been spent. Its session must be locked. */
export async function isUnspent(tx: Transaction, sessionId: string, tokenHash: Buffer): Promise<boolean> {
  const ofSession = and(eq(refreshTokens.tokenHash, tokenHash), eq(refreshTokens.sessionId, sessionId));
  const found = await tx
    .select({ spentAt: refreshTokens.spentAt })
    .from(refreshTokens)
    .where(and(ofSession, isNull(refreshTokens.spentAt)));
  return found.length > 0;
}

export async function endSession(tx: Transaction, sessionId: string): Promise<void> {
  await tx.delete(sessions).where(eq(sessions.id, sessionId));
}

/** Ends the session that a refresh token belongs to, if there is one. */
export async function endSessionOfToken(db: Database, tokenHash: Buffer): Promise<void> {
  const ofToken = db
    .select({ id: refreshTokens.sessionId })
    .from(refreshTokens)
    .where(eq(refreshTokens.tokenHash, tokenHash));
  await db.delete(sessions).where(inArray(sessions.id, ofToken));
}

/** Ends the sessions of all users. @returns how many there were */
export async function endAllSessions(tx: Transaction): Promise<number> {
  return (await tx.delete(sessions).returning({ id: sessions.id })).length;
}

export async function deleteExpiredSessions(db: Database, now: Date): Promise<void> {
  await db.delete(sessions).where(lt(sessions.expiresAt, now));
}
