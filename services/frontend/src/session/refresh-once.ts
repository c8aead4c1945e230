import type { Clock } from "@shop/runtime/clock";

/** For how long those that come late with the same refresh token get the same answer: a browser may have sent them before it had the new one. */
const KEPT_FOR_MS = 10_000;

/**
 * Lets many that would exchange the same refresh token share one exchange. A page asks for several things at once, and several tabs do; each exchange
 * of its own after the first would look like a theft.
 */
export function createRefreshOnce<Result>(
  clock: Clock,
): (refreshToken: string, exchange: () => Promise<Result>) => Promise<Result> {
  const exchanges = new Map<string, { readonly startedAtMs: number; readonly result: Promise<Result> }>();

  return async function refreshOnce(refreshToken, exchange) {
    for (const [token, { startedAtMs }] of exchanges) {
      if (startedAtMs + KEPT_FOR_MS > clock.elapsed()) break;
      exchanges.delete(token);
    }
    const known = exchanges.get(refreshToken);
    if (known !== undefined) return known.result;
    const result = exchange();
    exchanges.set(refreshToken, { startedAtMs: clock.elapsed(), result });
    try {
      return await result;
    } catch (error) {
      // Nothing came of it, so the next one is free to try.
      exchanges.delete(refreshToken);
      throw error;
    }
  };
}
