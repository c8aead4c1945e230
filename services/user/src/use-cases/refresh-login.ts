import type { TokenPair } from "@shop/contracts/http/user";
import type { AuditOrigin } from "@shop/database/audit-trail";
import type { Transaction } from "@shop/database/connect";
import { inTransactionOn } from "@shop/database/transaction";
import type { UserContext } from "../context.ts";
import {
  type Family,
  hashRefreshToken,
  isOfFamily,
  newFamilyKey,
  newRefreshToken,
  newSuccessorSeed,
  sessionNamedIn,
  successorOf,
} from "../credentials/refresh-token.ts";
import { audit } from "../db/audit.ts";
import {
  endSession,
  isUnspent,
  lockPresentedToken,
  lockSession,
  type PresentedToken,
  replaceToken,
} from "../db/sessions.ts";
import { REFRESH_TOKEN_LIFE_MS, tokenPair } from "./token-pair.ts";

interface Presented {
  readonly refreshToken: string;
  /** By which a caller who did not get the answer, or another process of theirs, is known to mean the same exchange. */
  readonly idempotencyKey: string | undefined;
}

type RefreshResult =
  | { readonly kind: "refreshed"; readonly tokens: TokenPair }
  | { readonly kind: "refused"; readonly code: "INVALID_REFRESH_TOKEN" };

const refused = { kind: "refused", code: "INVALID_REFRESH_TOKEN" } as const;

/** How long the same exchange may be asked for again: longer than a call and its second try take together. */
const ASKED_AGAIN_WITHIN_MS = 10_000;

/** Shown from the start of the service. */
export const reuseTotal = {
  name: "refresh_token_reuse_total",
  help: "Spent refresh tokens that came again, each of which ended its session",
};

/**
 * Exchanges a refresh token for a new pair. One that was spent before is in two hands, one of them a thief's:
 * the whole session ends, for both. Only the same exchange, asked for again shortly after, gives its refresh token again.
 */
export async function refreshLogin(
  context: UserContext,
  presented: Presented,
  origin: AuditOrigin,
): Promise<RefreshResult> {
  const { db, clock, logger, metrics } = context;
  const presentedHash = hashRefreshToken(presented.refreshToken);

  const exchanged = await inTransactionOn(db, presentedHash.toString("hex"), async (tx) => {
    const endReused = async (userId: string, sessionId: string) => {
      await endSession(tx, sessionId);
      await audit(context, tx, {
        action: "REFRESH_TOKEN_REUSED",
        origin,
        subjectId: userId,
        after: { endedSession: sessionId },
      });
      metrics.counter(reuseTotal).inc({});
      logger.warn("REFRESH_TOKEN_REUSED", "a spent refresh token was reused: its session is ended", {
        userId,
        sessionId,
      });
      return undefined;
    };
    const token = await lockPresentedToken(tx, presentedHash);
    if (token === undefined) {
      const spent = await spentLongAgo(tx, presented.refreshToken);
      return spent && endReused(spent.userId, spent.sessionId);
    }
    const now = new Date(clock.now());
    if (token.expiresAt <= now || token.disabledAt !== null) return undefined;
    if (context.needsSecondFactor(token.role) && !token.hasSecondFactor) return undefined;
    const { sessionId, userId, role } = token;
    if (token.spentAt !== null) {
      const refreshToken = await givenBefore(tx, token, presented, now);
      if (refreshToken !== undefined) return { user: { id: userId, role, sessionId }, refreshToken };
      return endReused(userId, sessionId);
    }
    // A session of a release before families had keys gets one.
    const familyKey = token.familyKey ?? newFamilyKey();
    const { refreshToken, seed: successorSeed } = nextToken(presented, { sessionId, key: familyKey });
    const expiresAt = new Date(now.getTime() + REFRESH_TOKEN_LIFE_MS);
    const spent = { tokenHash: presentedHash, spentAt: now, successorSeed };
    await replaceToken(tx, spent, { tokenHash: hashRefreshToken(refreshToken), sessionId, expiresAt, familyKey });
    return { user: { id: userId, role, sessionId }, refreshToken };
  });
  if (exchanged === undefined) return refused;
  return { kind: "refreshed", tokens: await tokenPair(context, exchanged.user, exchanged.refreshToken) };
}

/** The session, locked, of a token whose row is gone because others were spent after it. */
async function spentLongAgo(tx: Transaction, refreshToken: string) {
  const sessionId = sessionNamedIn(refreshToken);
  const session = sessionId === undefined ? undefined : await lockSession(tx, sessionId);
  if (sessionId === undefined || !session?.familyKey) return undefined;
  return isOfFamily(refreshToken, { sessionId, key: session.familyKey })
    ? { sessionId, userId: session.userId }
    : undefined;
}

function nextToken(
  { refreshToken, idempotencyKey }: Presented,
  family: Family,
): { readonly refreshToken: string; readonly seed: Buffer | null } {
  if (idempotencyKey === undefined) return { refreshToken: newRefreshToken(family), seed: null };
  const seed = newSuccessorSeed();
  return { refreshToken: successorOf(refreshToken, idempotencyKey, seed, family), seed };
}

/** The refresh token that this very exchange gave before; undefined when it is another one, too long ago, or its token has been spent too. */
async function givenBefore(
  tx: Transaction,
  { sessionId, spentAt, successorSeed, familyKey }: PresentedToken,
  { refreshToken: spent, idempotencyKey }: Presented,
  now: Date,
): Promise<string | undefined> {
  if (idempotencyKey === undefined || successorSeed === null || spentAt === null || familyKey === null)
    return undefined;
  if (now.getTime() - spentAt.getTime() > ASKED_AGAIN_WITHIN_MS) return undefined;
  const successor = successorOf(spent, idempotencyKey, successorSeed, { sessionId, key: familyKey });
  return (await isUnspent(tx, sessionId, hashRefreshToken(successor))) ? successor : undefined;
}
