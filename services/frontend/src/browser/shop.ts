import { connectBrowser } from "@shop/client/browser-shop";

/** Told when the shop has refused a call because nobody is logged in. */
type SessionEndListener = () => void;

const listeners = new Set<SessionEndListener>();

/** Every call of the API. The browser adds its session by itself: no token is ever seen here. */
export const shop = connectBrowser({
  // Anyone who looks at a page hears soon that something is unavailable; what is read is read again by itself.
  attempts: 2,
  // Longer than the server takes to say that something is unavailable.
  answerWithinMs: 8_000,
  fetch: (path, init) => fetch(path, { ...init, cache: "no-store" }),
  onAnswer({ status, path }) {
    // A login that is refused ends no session.
    if (status === 401 && path !== "/session") for (const listener of listeners) listener();
  },
});

/** @returns what stops the listening */
export function onSessionEnd(listener: SessionEndListener): () => void {
  listeners.add(listener);
  return () => void listeners.delete(listener);
}
