import type { ReadDatabase } from "@shop/database/reader";
import { and, desc, eq, gt, isNotNull, isNull, lt, lte, ne, or, sql } from "drizzle-orm";
import type { Role } from "@shop/contracts/http/define";
import type { Database, Transaction } from "@shop/database/connect";
import { ExplainedError } from "@shop/runtime/errors";
import { refreshTokens, secondFactors, sessions, users } from "./schema.ts";

interface NewToken {
  readonly tokenHash: Buffer;
  readonly sessionId: string;
  readonly expiresAt: Date;
}

export interface PresentedToken {
  readonly sessionId: string;
  readonly userId: string;
  readonly role: Role;
  readonly disabledAt: Date | null;
  /** Whether an active one is known of the user. */
  readonly hasSecondFactor: boolean;
  readonly expiresAt: Date;
  readonly spentAt: Date | null;
  readonly successorSeed: Buffer | null;
  readonly familyKey: Buffer | null;
}

/** A user's sessions at most. With one more, that which has been unused for the longest ends. */
const MAX_SESSIONS_PER_USER = 100;

/** The user was disabled, or got another password, while the one that they logged in with was compared. */
export class UserChangedError extends ExplainedError {
  override readonly name = "UserChangedError";
  constructor() {
    super("the user was changed while they logged in");
  }
}

interface NewSession {
  readonly userId: string;
  /** That of the password which was compared. */
  readonly passwordHash: string;
  readonly createdAt: Date;
  readonly familyKey: Buffer;
  readonly userAgent: string | null;
}

/**
 * Stores a session with its first token, and ends what the user has too many of.
 * @throws UserChangedError when the user may not have it any more; the transaction has to be rolled back
 */
export async function insertSession(
  tx: Transaction,
  { passwordHash, ...session }: NewSession,
  { sessionId, tokenHash, expiresAt }: NewToken,
): Promise<void> {
  // One login of a user at a time, so that each sees the sessions of those before it. Sent one behind the other, without waiting in between.
  const [found] = await Promise.all([
    tx.execute(sql`
      select from users where id = ${session.userId} and password_hash = ${passwordHash} and disabled_at is null
      for no key update`),
    tx.insert(sessions).values({ id: sessionId, ...session, expiresAt }),
    tx.insert(refreshTokens).values({ tokenHash, sessionId, expiresAt, isOfFamily: true }),
    tx.execute(sql`
      delete from sessions where id in (
        select id from sessions where user_id = ${session.userId}
        order by id = ${sessionId} desc, expires_at desc, id desc offset ${MAX_SESSIONS_PER_USER}::int)`),
  ]);
  if (found.length === 0) throw new UserChangedError();
}

/**
 * Finds a refresh token and locks its session, under whose lock all its tokens are read and changed. Of two that present
 * the same token at once, the second waits here and then sees what the first has made of it.
 */
export async function lockPresentedToken(tx: Transaction, tokenHash: Buffer): Promise<PresentedToken | undefined> {
  const [session] = await tx
    .select({
      sessionId: sessions.id,
      userId: users.id,
      role: users.role,
      disabledAt: users.disabledAt,
      hasSecondFactor: sql<boolean>`exists (
        select from ${secondFactors} where ${secondFactors.userId} = ${users.id} and ${secondFactors.activatedAt} is not null)`,
      familyKey: sessions.familyKey,
    })
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

/** Spends one token of a session and gives the session its next one. Those that have ended by time are forgotten, and those that were spent before, which are known by their session's key. */
export async function replaceToken(
  tx: Transaction,
  { tokenHash: spentHash, spentAt, successorSeed }: SpentToken,
  next: NewToken & { readonly familyKey: Buffer },
): Promise<void> {
  const { sessionId, tokenHash, expiresAt, familyKey } = next;
  const isKnownWithoutRow = and(refreshTokens.isOfFamily, isNotNull(refreshTokens.spentAt));
  await tx
    .delete(refreshTokens)
    .where(and(eq(refreshTokens.sessionId, sessionId), or(lte(refreshTokens.expiresAt, spentAt), isKnownWithoutRow)));
  await tx.update(refreshTokens).set({ spentAt, successorSeed }).where(eq(refreshTokens.tokenHash, spentHash));
  await tx.insert(refreshTokens).values({ tokenHash, sessionId, expiresAt, isOfFamily: true });
  await tx.update(sessions).set({ expiresAt, familyKey }).where(eq(sessions.id, sessionId));
}

export interface LockedSession {
  readonly userId: string;
  readonly familyKey: Buffer | null;
}

/** Reads a session and locks it, under whose lock all its tokens are read and changed. */
export async function lockSession(tx: Transaction, sessionId: string): Promise<LockedSession | undefined> {
  const [session] = await tx
    .select({ userId: sessions.userId, familyKey: sessions.familyKey })
    .from(sessions)
    .where(eq(sessions.id, sessionId))
    .for("update");
  return session;
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

/** @returns whose it was; undefined when it had ended before */
export async function endSession(tx: Transaction, sessionId: string): Promise<string | undefined> {
  const [ended] = await tx.delete(sessions).where(eq(sessions.id, sessionId)).returning({ userId: sessions.userId });
  return ended?.userId;
}

/** The session that has a refresh token's row, if there is one. */
export async function sessionOfToken(tx: Transaction, tokenHash: Buffer): Promise<string | undefined> {
  const [token] = await tx
    .select({ sessionId: refreshTokens.sessionId })
    .from(refreshTokens)
    .where(eq(refreshTokens.tokenHash, tokenHash));
  return token?.sessionId;
}

export type SessionRow = Pick<typeof sessions.$inferSelect, "id" | "createdAt" | "expiresAt" | "userAgent">;

/** The sessions of a user that have not ended, newest first. */
export async function listSessionsOf(
  db: ReadDatabase,
  userId: string,
  page: { readonly now: Date; readonly afterId: string | undefined; readonly limit: number },
): Promise<readonly SessionRow[]> {
  const { now, afterId, limit } = page;
  const { id, createdAt, expiresAt, userAgent } = sessions;
  const isBehind = afterId === undefined ? undefined : lt(id, afterId);
  // 100 at most: see `insertSession`.
  return db
    .select({ id, createdAt, expiresAt, userAgent })
    .from(sessions)
    .where(and(eq(sessions.userId, userId), gt(expiresAt, now), isBehind))
    .orderBy(desc(id))
    .limit(limit);
}

/** Ends one session of a user. @returns whether there was one */
export async function endSessionOf(tx: Transaction, userId: string, sessionId: string): Promise<boolean> {
  const own = and(eq(sessions.id, sessionId), eq(sessions.userId, userId));
  return (await tx.delete(sessions).where(own).returning({ id: sessions.id })).length === 1;
}

/** Ends all sessions of a user, but for one if it is named. @returns how many there were */
export async function endSessionsOf(
  tx: Transaction,
  userId: string,
  { except }: { readonly except?: string | undefined } = {},
): Promise<number> {
  const others = and(eq(sessions.userId, userId), except === undefined ? undefined : ne(sessions.id, except));
  return (await tx.delete(sessions).where(others).returning({ id: sessions.id })).length;
}

/** Ends the sessions of all users. @returns how many there were */
export async function endAllSessions(tx: Transaction): Promise<number> {
  return (await tx.delete(sessions).returning({ id: sessions.id })).length;
}

export async function deleteExpiredSessions(db: Database, now: Date): Promise<void> {
  await db.delete(sessions).where(lt(sessions.expiresAt, now));
}
